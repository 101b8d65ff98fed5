/* SPDX-License-Identifier: MIT */
/* /proc/net/snmp, snmp6 and netstat: what lwIP counts (RFC 1213), and what the socket layer does, in Linux's lines of names and of numbers. */
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
		{ "OutDiscards", m->ipoutdiscards }, { "OutNoRoutes", m->ipoutnoroutes }, { "ReasmTimeout", m->ipreasmfails },
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
	uint32_t again = (uint32_t)net_counts.sent_again; /* lwIP does not count those that it sends after a timeout */
	port_each(INET_TCP, connection_count, &established);
	net_unlock();
	const struct count tcp[] = {
		{ "RtoAlgorithm", 4 }, { "RtoMin", 200 }, { "RtoMax", 120000 }, { "MaxConn", UINT32_MAX },
		{ "ActiveOpens", m.tcpactiveopens }, { "PassiveOpens", m.tcppassiveopens }, { "AttemptFails", m.tcpattemptfails },
		{ "EstabResets", m.tcpestabresets }, { "CurrEstab", established }, { "InSegs", m.tcpinsegs }, { "OutSegs", m.tcpoutsegs },
		{ "RetransSegs", again }, { "InErrs", m.tcpinerrs }, { "OutRsts", m.tcpoutrsts },
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

/* lwIP counts UDP and TCP of both families together: they are in snmp. */
int proc_net_snmp6(uint32_t pid, struct text *t)
{
	net_lock();
	struct stats_proto ip = lwip_stats.ip6, icmp = lwip_stats.icmp6, parts = lwip_stats.ip6_frag;
	net_unlock();
	const struct count counts[] = {
		{ "Ip6InReceives", ip.recv }, { "Ip6InHdrErrors", ip.lenerr + ip.err }, { "Ip6InUnknownProtos", ip.proterr },
		{ "Ip6InDiscards", ip.drop }, { "Ip6InDelivers", ip.recv - ip.drop }, { "Ip6OutRequests", ip.xmit }, { "Ip6OutNoRoutes", ip.rterr },
		{ "Ip6ReasmReqds", parts.recv }, { "Ip6ReasmFails", parts.drop }, { "Ip6FragCreates", parts.xmit },
		{ "Icmp6InMsgs", icmp.recv }, { "Icmp6InErrors", icmp.drop }, { "Icmp6OutMsgs", icmp.xmit },
	};
	for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		text_add(t, "%-32s\t%lu\n", counts[i].name, (unsigned long)counts[i].value);
	}
	return 0;
}

int proc_net_netstat(uint32_t pid, struct text *t)
{
	net_lock();
	struct net_counts n = net_counts;
	net_unlock();
	const struct count tcp[] = {
		{ "ListenOverflows", n.listen_overflows }, { "ListenDrops", n.listen_overflows }, { "BytesCopied", n.sent_copied },
		{ "BytesReferenced", n.sent_referenced }, { "TCPTimeouts", n.timeouts }, { "TCPLossProbes", n.probes },
	};
	COUNTS_PUT(t, "TcpExt", tcp);
	return 0;
}
