/* SPDX-License-Identifier: MIT */
/*
 * How lwIP 2.1.3 is built for this kernel: its core only, without threads, sockets, timers and a heap of its own. All of it runs under
 * net_lock() (net/net.h). Its memory is net_memory_*'s: bounded, and refused rather than waited for, which lwIP takes as a lost packet or
 * as ERR_MEM. Timers are net/timers.c's, routes and loopback net/route.c's and net/loop.c's. docs/network.md says more.
 */
#ifndef LWIP_LWIPOPTS_H
#define LWIP_LWIPOPTS_H

#include "net/lwip/hooks.h"

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_TIMERS 1
#define LWIP_TIMERS_CUSTOM 1
#define LWIP_STATS_LARGE 1
#define LWIP_STATS 1 /* what /proc/net/snmp tells */
#define LINK_STATS 0
#define ETHARP_STATS 0
#define IP_STATS 0
#define IPFRAG_STATS 0
#define ICMP_STATS 0
#define IGMP_STATS 0
#define UDP_STATS 0
#define TCP_STATS 0
#define MEM_STATS 0
#define MEMP_STATS 0
#define SYS_STATS 0
#define IP6_STATS 1
#define ICMP6_STATS 1
#define IP6_FRAG_STATS 1
#define MLD6_STATS 0
#define ND6_STATS 0
#define MIB2_STATS 1
#define LWIP_PROVIDE_ERRNO 0
#if !CONFIG_DEBUG && !__STDC_HOSTED__ /* its assertions are for debug builds, and for tests on the host */
#define LWIP_NOASSERT
#endif

/* ---- memory ---- */
#define MEM_LIBC_MALLOC 1
#define mem_clib_malloc net_memory_alloc
#define mem_clib_calloc net_memory_alloc_zeroed
#define mem_clib_free net_memory_free
#define MEMP_MEM_MALLOC 1
#define MEM_ALIGNMENT 8
#define PBUF_LINK_ENCAPSULATION_HLEN 0
#define PBUF_POOL_BUFSIZE 2048
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define LWIP_PBUF_REF_T u16_t

/* ---- below IP ---- */
#define LWIP_ETHERNET 1
#define ETH_PAD_SIZE 0
#define LWIP_ARP 1
#define ARP_TABLE_SIZE 127
#define ARP_QUEUEING 1
#define ARP_QUEUE_LEN 8
#define ETHARP_SUPPORT_STATIC_ENTRIES 1
#define LWIP_SINGLE_NETIF 0
#define LWIP_HAVE_LOOPIF 0
#define LWIP_NETIF_LOOPBACK 0
#define LWIP_NETIF_LINK_CALLBACK 1
#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_NETIF_HOSTNAME 1
#define LWIP_NETIF_API 0
#define LWIP_NETIF_TX_SINGLE_PBUF 0
#define LWIP_NUM_NETIF_CLIENT_DATA 1

/* ---- IP ---- */
#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define IP_FORWARD 0
#define IP_REASSEMBLY 1
#define IP_FRAG 1
#define IP_REASS_MAXAGE 30
#define IP_REASS_MAX_PBUFS 512
#define MEMP_NUM_REASSDATA 64
#define IP_SOF_BROADCAST 1
#define IP_SOF_BROADCAST_RECV 0
#define IP_DEFAULT_TTL 64
#define LWIP_ICMP 1
#define LWIP_BROADCAST_PING 0
#define LWIP_MULTICAST_PING 0
#define LWIP_RAW 1
#define LWIP_IGMP 1
#define LWIP_MULTICAST_TX_OPTIONS 1
#define LWIP_IPV6_SCOPES 1
#define LWIP_IPV6_FRAG 1
#define LWIP_IPV6_REASS 1
#define IPV6_FRAG_COPYHEADER 1
#define LWIP_IPV6_MLD 1
#define LWIP_ICMP6 1
#define LWIP_ICMP6_HL 64 /* of answers and errors: as any packet's, as on Linux */
#define LWIP_IPV6_AUTOCONFIG 1
#define LWIP_IPV6_NUM_ADDRESSES 4
#define LWIP_IPV6_DHCP6 0
#define LWIP_ND6_QUEUEING 1
#define LWIP_ND6_NUM_NEIGHBORS 64
#define LWIP_ND6_NUM_DESTINATIONS 64
#define LWIP_ND6_ALLOW_RA_UPDATES 0
#define LWIP_DNS 1 /* net/name_servers.c hears of them; nothing here resolves names */
#define LWIP_AUTOIP 0
#define LWIP_DHCP 1
#define LWIP_DHCP_DOES_ACD_CHECK 0
#define DHCP_DOES_ARP_CHECK 0
#define LWIP_DHCP_MAX_DNS_SERVERS 3
#define LWIP_DHCP_GET_NTP_SRV 0

/* ---- UDP and TCP ---- */
#define LWIP_UDP 1
#define LWIP_UDPLITE 0
#define LWIP_NETBUF_RECVINFO 1
#define SO_REUSE 1
#define SO_REUSE_RXTOALL 1
#define LWIP_TCP 1
#define TCP_MSS 65483 /* the loopback's; a connection's is its interface's */
#define TCP_CALCULATE_EFF_SEND_MSS 1
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 7
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1 /* they know of no such segment size */
#define TCP_WND (4u << 20) /* at most; a connection's is its receive buffer */
#define TCP_SND_BUF (16u << 20) /* likewise: its send buffer is the socket's */
#define TCP_SND_QUEUELEN 60000
#define TCP_SNDLOWAT 4096
#define TCP_SNDQUEUELOWAT 5
#define TCP_WND_UPDATE_THRESHOLD 1 /* the socket layer says when */
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_BYTES_LIMIT(pcb) (1u << 20)
#define TCP_OOSEQ_PBUFS_LIMIT(pcb) (net_memory_is_crowded(2) ? 0 : 1024) /* what waits for a hole may be told again (RFC 2018, 8) */
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_MAX_SACK_NUM 3
#define LWIP_TCP_TIMESTAMPS 0
#define TCP_OVERSIZE 0
#define TCP_LISTEN_BACKLOG 0 /* the socket layer counts, socket/inet/tcp_events.c */
#define TCP_MAXRTX 12
#define TCP_SYNMAXRTX 12 /* the socket layer counts */
#define TCP_TMR_INTERVAL 50 /* ms: a delayed acknowledgement; timeouts count in twice that */
#define TCP_MSL 5000u
#define LWIP_TCP_KEEPALIVE 1
#define LWIP_TCP_PCB_NUM_EXT_ARGS 2 /* socket/inet/tcp_events.c */
#define LWIP_EVENT_API 0
#define LWIP_CALLBACK_API 1
#define LWIP_ALTCP 0

/* ---- checksums: the loopback has none, a device may do its own ---- */
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_CHECKSUM_ON_COPY 0
#define LWIP_CHKSUM net_checksum

#endif
