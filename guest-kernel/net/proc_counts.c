/* SPDX-License-Identifier: MIT */
/* /proc/net/snmp and netstat: what lwIP counts (RFC 1213), and what the socket layer does, in Linux's lines of names and of numbers. /proc/sys/net. */
#include "fs/proc_internal.h"

#include "base/string.h"
#include "lwip/stats.h"
#include "net/net.h"
#include "socket/inet/inet.h"

struct net_counts net_counts;

struct count {
	const char *name;
	uint64_t value;
};

static void counts_put(struct text *t, const char *group, const struct count *counts, unsigned count)
{
	text_add(t, "%s:", group);
	for (unsigned i = 0; i < count; i++) {
		text_add(t, " %s", counts[i].name);
	}
	text_add(t, "\n%s:", group);
	for (unsigned i = 0; i < count; i++) {
		text_add(t, " %lu", (unsigned long)counts[i].value);
	}
	text_add(t, "\n");
}
#define COUNTS_PUT(t, group, counts) counts_put(t, group, counts, sizeof(counts) / sizeof((counts)[0]))

static void ip_put(struct text *t, const struct stats_mib2 *m)
{
	const struct count counts[] = {
		{ "Forwarding", 2 }, { "DefaultTTL", IP_DEFAULT_TTL }, { "InReceives", m->ipinreceives }, { "InHdrErrors", m->ipinhdrerrors },
		{ "InAddrErrors", m->ipinaddrerrors }, { "ForwDatagrams", m->ipforwdatagrams }, { "InUnknownProtos", m->ipinunknownprotos },
		{ "InDiscards", m->ipindiscards }, { "InDelivers", m->ipindelivers }, { "OutRequests", m->ipoutrequests },
		{ "OutDiscards", m->ipoutdiscards }, { "OutNoRoutes", m->ipoutnoroutes }, { "ReasmTimeout", IP_REASS_MAXAGE },
		{ "ReasmReqds", m->ipreasmreqds }, { "ReasmOKs", m->ipreasmoks }, { "ReasmFails", m->ipreasmfails }, { "FragOKs", m->ipfragoks },
		{ "FragFails", m->ipfragfails }, { "FragCreates", m->ipfragcreates },
	};
	COUNTS_PUT(t, "Ip", counts);
}

static void icmp_put(struct text *t, const struct stats_mib2 *m)
{
	const struct count counts[] = {
		{ "InMsgs", m->icmpinmsgs }, { "InErrors", m->icmpinerrors }, { "InDestUnreachs", m->icmpindestunreachs },
		{ "InTimeExcds", m->icmpintimeexcds }, { "InParmProbs", m->icmpinparmprobs }, { "InSrcQuenchs", m->icmpinsrcquenchs },
		{ "InRedirects", m->icmpinredirects }, { "InEchos", m->icmpinechos }, { "InEchoReps", m->icmpinechoreps },
		{ "InTimestamps", m->icmpintimestamps }, { "InTimestampReps", m->icmpintimestampreps }, { "InAddrMasks", m->icmpinaddrmasks },
		{ "InAddrMaskReps", m->icmpinaddrmaskreps }, { "OutMsgs", m->icmpoutmsgs }, { "OutErrors", m->icmpouterrors },
		{ "OutDestUnreachs", m->icmpoutdestunreachs }, { "OutTimeExcds", m->icmpouttimeexcds }, { "OutEchos", m->icmpoutechos },
		{ "OutEchoReps", m->icmpoutechoreps },
	};
	COUNTS_PUT(t, "Icmp", counts);
}

static void connection_count(void *context, struct inet_socket *s)
{
	unsigned state = inet_state_number(s);
	*(unsigned *)context += state == STATE_ESTABLISHED || state == STATE_CLOSE_WAIT;
}

int proc_net_snmp(uint32_t pid, struct text *t)
{
	unsigned established = 0;
	net_lock();
	struct stats_mib2 m = lwip_stats.mib2;
	port_each(INET_TCP, connection_count, &established);
	net_unlock();
	const struct count tcp[] = {
		{ "RtoAlgorithm", 4 }, { "RtoMin", 300 }, { "RtoMax", 120000 }, { "MaxConn", UINT32_MAX },
		{ "ActiveOpens", m.tcpactiveopens }, { "PassiveOpens", m.tcppassiveopens }, { "AttemptFails", m.tcpattemptfails },
		{ "EstabResets", m.tcpestabresets }, { "CurrEstab", established }, { "InSegs", m.tcpinsegs }, { "OutSegs", m.tcpoutsegs },
		{ "RetransSegs", m.tcpretranssegs }, { "InErrs", m.tcpinerrs }, { "OutRsts", m.tcpoutrsts },
	};
	const struct count udp[] = {
		{ "InDatagrams", m.udpindatagrams }, { "NoPorts", m.udpnoports }, { "InErrors", m.udpinerrors }, { "OutDatagrams", m.udpoutdatagrams },
	};
	ip_put(t, &m);
	icmp_put(t, &m);
	COUNTS_PUT(t, "Tcp", tcp);
	COUNTS_PUT(t, "Udp", udp);
	return 0;
}

int proc_net_netstat(uint32_t pid, struct text *t)
{
	net_lock();
	struct net_counts n = net_counts;
	net_unlock();
	const struct count tcp[] = {
		{ "ListenOverflows", n.listen_overflows }, { "ListenDrops", n.listen_overflows }, { "BytesCopied", n.sent_copied },
		{ "BytesReferenced", n.sent_referenced },
	};
	COUNTS_PUT(t, "TcpExt", tcp);
	return 0;
}

/* ---- /proc/sys/net ---- */
int proc_somaxconn(uint32_t pid, struct text *t)
{
	text_add(t, "%u\n", TCP_BACKLOG_MAX);
	return 0;
}

int proc_port_range(uint32_t pid, struct text *t)
{
	text_add(t, "%u\t%u\n", PORT_EPHEMERAL_FIRST, PORT_EPHEMERAL_LAST);
	return 0;
}

int proc_ping_groups(uint32_t pid, struct text *t)
{
	text_add(t, "%u\t%u\n", __atomic_load_n(&ping_groups[0], __ATOMIC_RELAXED), __atomic_load_n(&ping_groups[1], __ATOMIC_RELAXED));
	return 0;
}

/* Two numbers; a first one above the last: nobody. */
int proc_ping_groups_set(uint32_t pid, const char *text, size_t length)
{
	char copy[32];
	const char *at = copy;
	uint64_t numbers[2];
	if (length >= sizeof(copy)) {
		return -EINVAL;
	}
	memcpy(copy, text, length);
	copy[length] = '\0';
	for (unsigned i = 0; i < 2; i++) {
		while (*at == ' ' || *at == '\t') {
			at++;
		}
		const char *start = at;
		numbers[i] = string_number(at, &at);
		if (at == start || numbers[i] > INT32_MAX) {
			return -EINVAL;
		}
	}
	__atomic_store_n(&ping_groups[0], (uint32_t)numbers[0], __ATOMIC_RELAXED);
	__atomic_store_n(&ping_groups[1], (uint32_t)numbers[1], __ATOMIC_RELAXED);
	return 0;
}
