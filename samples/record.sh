#!/usr/bin/env bash
# usage: samples/record.sh [DIRECTORY]   (as root)
# Starts the lab of lab.sh, lets its clients talk, and writes what the bridge saw: the captures,
# services.tsv (which program served where, asked from the kernel while it did) and README.md.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if [[ ${1-} != --inside ]]; then
    ((EUID == 0)) || { echo "recording needs root: network namespaces and packet sockets" >&2; exit 1; }
    "$here/../.ci/install" avahi-daemon avahi-utils bind9-dnsutils chrony cups-ipp-utils curl dbus dnsmasq-base ethtool \
        iperf3 iproute2 iputils-ping microsocks mosquitto mosquitto-clients netcat-openbsd nginx-light nmap openssh-client \
        openssh-server openssl postgresql postgresql-client python3-aiosmtpd python3-venv redis-server redis-tools snmp \
        snmpd tcpdump tftp-hpa tftpd-hpa tinyproxy tshark udhcpc vsftpd
    mkdir -p "${1:-$here}"
    work=$(mktemp -d /tmp/portolan-lab.XXXXXX)
    chmod 711 "$work"
    # Debian has no program that speaks HTTP/3.
    /usr/bin/python3 -m venv "$work/python"
    "$work/python/bin/pip" install --quiet --disable-pip-version-check 'aioquic==1.*'
    # A failed recording shows what the programs said before it clears up.
    trap 'status=$?; ((status == 0)) || tail -n 5 "$work"/{gate,desk,server,printer,annex}-*.log >&2; rm -rf "$work"' EXIT
    # Namespaces of its own: whatever happens inside, nothing survives this command.
    timeout --signal=KILL 600 unshare --net --mount --pid --fork --kill-child --mount-proc \
        bash "$here/record.sh" --inside "$work" "$(cd "${1:-$here}" && pwd)"
    exit
fi

work=$2
out=$3
export TZ=UTC LC_ALL=C.UTF-8
# shellcheck source=samples/lab.sh
source "$here/lab.sh"
recorders=()
publishers=()
: >"$work/described"
: >"$work/truth"

# capture FILE FILTER TEXT [tcpdump FLAG…]: records on the bridge into a pcap file until `finish`.
capture() {
    local file=$1 filter=$2
    printf '%s\t%s\n' "$file" "$3" >>"$work/described"
    shift 3
    tcpdump -Z root -U --immediate-mode -n -i br0 -w "$out/$file" "$@" "$filter" 2>"$work/$file.log" &
    recorders+=($!)
    until_true grep -q 'listening on' "$work/$file.log"
}

# capture_at HOST FILE TEXT FLAG…: the same, on a host's own interfaces.
capture_at() {
    local host=$1 file=$2
    printf '%s\t%s\n' "$file" "$3" >>"$work/described"
    shift 3
    local way
    way_to "$host"
    "${way[@]}" tcpdump -Z root -U --immediate-mode -n -w "$out/$file" "$@" 2>"$work/$file.log" &
    recorders+=($!)
    until_true grep -q 'listening on' "$work/$file.log"
}

# capture_ng HOST|bridge FILE TEXT FLAG…: pcapng through dumpcap, several interfaces if asked.
capture_ng() {
    local host=$1 file=$2 way=()
    printf '%s\t%s\n' "$file" "$3" >>"$work/described"
    shift 3
    [[ $host == bridge ]] || way_to "$host"
    "${way[@]}" dumpcap -q "$@" -w "$work/$file" 2>"$work/$file.log" &
    recorders+=($!)
    until_true grep -q '^File:' "$work/$file.log"
}

# Ends the running captures, and notes which of the serving sockets are in them.
finish() {
    sleep 0.3
    # Both what serves now and what served when the last recording ended: some programs end in between.
    touch "$work/serving-now"
    mv "$work/serving-now" "$work/serving-before"
    serving >"$work/serving-now"
    sort -u "$work/serving-before" "$work/serving-now" >"$work/serving"
    kill -INT "${recorders[@]}"
    wait "${recorders[@]}" || true
    recorders=()
    local file
    while IFS=$'\t' read -r file _; do
        [[ -e $work/$file.done ]] && continue
        [[ $file == *.pcap ]] || perl "$here/plain.pl" "$work/$file" "$out/$file"
        : >"$work/$file.done"
        # An ICMP error's ports are those it quotes; none was spoken from there.
        # In the tunnels recorded here UDP is outside, with the first addresses, and TCP inside, with the last.
        tshark -n -r "$out/$file" -Y 'not icmp and not icmpv6' -T fields -E occurrence=a -E aggregator=, -e ip.src -e ipv6.src -e ip.dst -e ipv6.dst \
            -e tcp.srcport -e udp.srcport -e tcp.dstport -e udp.dstport -e tcp.flags.reset 2>/dev/null | awk -F'\t' -v OFS='\t' '
            function first(list) { sub(/,.*/, "", list); return list }
            function last(list) { sub(/.*,/, "", list); return list }
            # A server whose whole answer is RST, or none, has not spoken.
            $5 != "" && last($9) !~ /^(1|True)$/ { print last($1 $2), last($5), "tcp" }
            $6 != "" { print first($1 $2), first($6), "udp"; print first($3 $4), first($8), "udp" }' | sort -u >"$work/spoken"
        awk -F'\t' -v OFS='\t' -v file="$file" '
            FNR == NR { spoken[$1, $2, $3] = 1; next }
            ($1, $2, $3) in spoken { print file, $1, $2, $3, $4 }' "$work/spoken" "$work/serving" >>"$work/truth"
    done <"$work/described"
}

write_truth() {
    {
        printf '# capture\taddress\tport\ttransport\tprogram\n'
        sort -u "$work/truth"
    } >"$out/services.tsv"
}

write_readme() {
    local file text programs
    {
        cat <<'HEAD'
# Samples

Captures of real programs, recorded in a lab of network namespaces on one machine; no packet ever left it.
The addresses are the documentation prefixes (RFC 5737, RFC 3849). Written by `record.sh`, licensed as the project is.

To record them all again, as root on a Debian machine, in four minutes:

```text
samples/record.sh [DIRECTORY]
```

It installs the programs it needs (their services stay off), builds the hosts of `lab.sh`, and cleans up by itself.
Every recording differs in its times, ports and keys. To add a capture, record into another directory, and take over the new
files, their rows of this table and their lines of `services.tsv`; earlier ones stay as they are.

| host | addresses | programs |
| --- | --- | --- |
| gate | 192.0.2.1, 2001:db8::1 | dnsmasq (DNS, DHCP; DNS on 5300), chronyd |
| desk | 192.0.2.10, 2001:db8::10 | the clients; avahi-daemon, sshd |
| server | 192.0.2.20, 2001:db8::20 | nginx 80, 443, 8443, 8800 · sshd 22, 2222 · mosquitto · redis · PostgreSQL · snmpd · in.tftpd · vsftpd |
| printer | 192.0.2.30, 2001:db8::30 | avahi-daemon; nginx on 49154, ippeveprinter on 6631 |
| annex | 192.0.2.50, 2001:db8::50 | ports that are not theirs: nginx 8000, 22222, 49200 (HTTP), 22, 9443 (TLS), 8085 (PROXY) · sshd 2222, 8443 · redis 9999 · mosquitto 18830 · iperf3 5201, 33333 · PostgreSQL 50432 · vsftpd 2121 · microsocks 1080, 22080 · tinyproxy 3128 · aiosmtpd 25, 2025 · aioquic 443, 4433 |
| guest | by DHCP | udhcpc |

`services.tsv` is the ground truth: one line per capture and serving socket that spoke in it (address, port,
transport, program), as the kernel listed them while the capture ran. `kernel` is a socket without a program (VXLAN).
Who is only asked over TCP, or answers by RST alone, has not spoken. Two kinds of server port are not in it, since no socket
listens on them: the one from which in.tftpd sends a file, and that of a data connection already closed (`ftp-*`).

HEAD
        echo '| file | shows | serving | link type | packets | octets | SHA-256 |'
        echo '| --- | --- | --- | --- | ---: | ---: | --- |'
        while IFS=$'\t' read -r file text; do
            programs=$(awk -F'\t' -v file="$file" '$1 == file { print $5 " " $3 "/" $4 }' "$out/services.tsv" |
                sort -u | paste -sd, | sed 's/,/, /g')
            printf '| `%s` | %s | %s | %s | %s | %s | `%s` |\n' "$file" "$text" "$programs" \
                "$(capinfos -TrE "$out/$file" | cut -f2)" "$(capinfos -TrcM "$out/$file" | cut -f2)" \
                "$(stat -c %s "$out/$file")" "$(sha256sum <"$out/$file" | cut -d' ' -f1)"
        done <"$work/described"
    } >"$out/README.md"
}

build_bridge
for host in "${hosts[@]}"; do build_host "$host"; done
start_dns 0
start_time
make_pages_and_keys
start_server
start_printer 49154
start_desk
describe_services 49154
for host in desk printer; do start_bus "$host"; done
client desk ping -c 1 192.0.2.20
client desk ping -c 1 2001:db8::20

# both NAME FILTER TEXT: one capture of IPv4, one of IPv6.
both() {
    capture "$1.pcap" "($2) and ip" "$3, IPv4"
    capture "$1-v6.pcap" "($2) and ip6" "$3, IPv6"
}

talk_caldav() {
    local server
    for server in 192.0.2.1 2001:db8::1; do
        client desk dig +tries=1 server.office.example A @$server
        client desk dig +tries=1 server.office.example AAAA @$server
        client desk dig +tries=1 _caldav._tcp.office.example PTR @$server
        client desk dig +tries=1 'Office Calendar._caldav._tcp.office.example' SRV @$server
        client desk dig +tries=1 'Office Calendar._caldav._tcp.office.example' TXT @$server
    done
    web desk http://192.0.2.20:8800/
    web desk "http://[2001:db8::20]:8800/"
}

echo 'recording: names, leases, time' >&2
both dns-srv-ttl0 'port 53 or port 8800' 'dns-srv with a TTL of zero, the default of dnsmasq for local names'
talk_caldav
finish
stop gate dnsmasq
start_dns 300

both dns-srv 'port 53 or port 8800' 'dnsmasq answers A, AAAA, PTR, SRV and TXT; then HTTP on port 8800, which the SRV record named'
talk_caldav
finish

both dns-tcp 'port 53' 'a question over TCP, and one for a name that does not exist over UDP'
for server in 192.0.2.1 2001:db8::1; do
    client desk dig +tcp +tries=1 inventory.office.example TXT @$server
    client desk dig +tries=1 absent.office.example A @$server
done
finish

capture dns-fragments.pcap 'ip host 192.0.2.1' 'a 2.6 kB answer over UDP in IPv4 fragments'
capture dns-fragments-v6.pcap 'ip6 host 2001:db8::1' 'a 2.6 kB answer over UDP in IPv6 fragments'
client desk dig +bufsize=4096 +ignore +tries=1 inventory.office.example TXT @192.0.2.1
client desk dig +bufsize=4096 +ignore +tries=1 inventory.office.example TXT @2001:db8::1
finish

capture dhcp-lease.pcap 'port 67 or port 68' 'udhcpc gets an address from dnsmasq: discover, offer, request, ack'
client guest udhcpc -i eth0 -n -q -f -t 3 -T 1 -s /bin/true
finish

capture ntp-client.pcap 'ip and udp port 123' 'chronyd asks chronyd; nanosecond time stamps' --time-stamp-precision=nano
capture ntp-client-v6.pcap 'ip6 and udp port 123' 'chronyd asks chronyd; nanosecond time stamps' --time-stamp-precision=nano
for server in 192.0.2.1 2001:db8::1; do
    client desk chronyd -Q -x -t 3 -u root -f /dev/null "server $server iburst maxsamples 2" 'cmdport 0' "pidfile $work/desk/chronyd.pid"
done
finish

echo 'recording: web and shells' >&2
both http-get 'tcp port 80' 'one GET over nginx'
web desk http://192.0.2.20/
web desk "http://[2001:db8::20]/"
finish

capture_ng bridge tls-ports.pcapng 'HTTPS on 443 and on 8443' -i br0 -f 'ip and (tcp port 443 or tcp port 8443)'
capture_ng bridge tls-ports-v6.pcapng 'HTTPS on 443 and on 8443' -i br0 -f 'ip6 and (tcp port 443 or tcp port 8443)'
for server in 192.0.2.20 '[2001:db8::20]'; do
    web desk "https://$server/"
    web desk "https://$server:8443/"
done
finish

both tls-client-port 'tcp port 8443' 'HTTPS on 8443 from a client port that is registered for another service (1883 or 5432)'
web desk --local-port 1883 https://192.0.2.20:8443/
web desk --local-port 5432 "https://[2001:db8::20]:8443/"
finish

both ssh-ports 'tcp port 22 or tcp port 2222' 'a command over SSH on 22 and on 2222 (registered for another service)'
for server in 192.0.2.20 2001:db8::20; do
    remote_shell 22 $server
    remote_shell 2222 $server
done
finish

capture http-snap64.pcap 'tcp port 80' 'the first 64 octets of each frame' -s 64
web desk http://192.0.2.20/status/
finish

capture_at server http-any-sll2.pcap 'seen on the "any" device: Linux cooked capture, version 2' -i any 'tcp port 80'
capture_at server http-any-sll.pcap 'seen on the "any" device: Linux cooked capture, version 1' -i any -y LINUX_SLL 'tcp port 80'
web desk http://192.0.2.20/
web desk "http://[2001:db8::20]/"
finish

capture_ng server interfaces-mixed.pcapng 'three interfaces with two link types: HTTP on eth0, SSH on any, redis on lo' \
    -i eth0 -f 'tcp port 80' -i any -f 'tcp port 22' -i lo -f 'tcp port 6379'
web desk http://192.0.2.20/
remote_shell 22 2001:db8::20
client server redis-cli -h 127.0.0.1 ping
finish

echo 'recording: brokers and databases' >&2
both mqtt-publish 'tcp port 1883' 'mosquitto_pub publishes one message'
client desk mosquitto_pub -h 192.0.2.20 -t shelf/3 -m 'out of paper'
client desk mosquitto_pub -h 2001:db8::20 -t shelf/3 -m 'out of paper'
finish

# Long-lived connections opened before the capture begins.
for server in 192.0.2.20 2001:db8::20; do
    mkfifo "$work/lines-$server"
    at desk timeout 30 mosquitto_pub -h $server -t shelf/4 -l <"$work/lines-$server" &
    publishers+=($!)
done
exec 7>"$work/lines-192.0.2.20" 8>"$work/lines-2001:db8::20"
echo 'box 1' >&7
echo 'box 1' >&8
sleep 0.5
both mqtt-midstream 'tcp port 1883' 'a connection whose handshake was before the capture'
echo 'box 2' >&7
echo 'box 2' >&8
sleep 0.3
finish
exec 7>&- 8>&-
wait "${publishers[@]}" || true

both redis-set 'tcp port 6379' 'SET and GET with redis-cli'
for server in 192.0.2.20 2001:db8::20; do
    client desk redis-cli -h $server set toner 80
    client desk redis-cli -h $server get toner
done
finish

both postgres-select 'tcp port 5432' 'a query with psql'
for server in 192.0.2.20 2001:db8::20; do
    client desk psql -h $server -U lab -d postgres -c 'select 6 * 7'
done
finish

both snmp-get 'udp port 161' 'snmpget of the system name and location'
client desk snmpget -v 2c -c public 192.0.2.20 .1.3.6.1.2.1.1.5.0 .1.3.6.1.2.1.1.6.0
client desk snmpget -v 2c -c public 'udp6:[2001:db8::20]' .1.3.6.1.2.1.1.5.0 .1.3.6.1.2.1.1.6.0
finish

both tftp-read 'udp' 'a file of 1,500 octets over TFTP; the server answers from a port of its own'
client desk tftp -4 192.0.2.20 -m binary -c get boot.cfg /dev/null
client desk tftp -6 2001:db8::20 -m binary -c get boot.cfg /dev/null
finish

both ftp-passive 'tcp port 21 or tcp port 49200' 'a file over FTP; the data connection goes to port 49200'
web desk ftp://192.0.2.20/readme.txt
web desk "ftp://[2001:db8::20]/readme.txt"
finish

echo 'recording: errors, neighbours, tunnels' >&2
both icmp-errors 'icmp or icmp6 or port 53 or port 161' 'a DNS and an SNMP request to closed ports: ICMP errors that quote them'
for server in 192.0.2.30 2001:db8::30; do at desk timeout 5 dig +tries=1 +timeout=1 office.example @$server >/dev/null || true; done
at desk timeout 5 snmpget -r 0 -t 1 -v 2c -c public 192.0.2.30 .1.3.6.1.2.1.1.5.0 >/dev/null 2>&1 || true
at desk timeout 5 snmpget -r 0 -t 1 -v 2c -c public 'udp6:[2001:db8::30]' .1.3.6.1.2.1.1.5.0 >/dev/null 2>&1 || true
finish

capture ping-arp.pcap 'arp or icmp' 'two pings after ARP'
capture ping-nd-v6.pcap icmp6 'two pings after Neighbor Discovery'
at desk ip neighbour flush dev eth0
client desk ping -c 2 -i 0.2 192.0.2.20
client desk ping -c 2 -i 0.2 2001:db8::20
finish

# tunnel HOST OWN-OUTER PEER-OUTER INNER: an end of a VXLAN.
tunnel() {
    at "$1" ip link add vxlan42 type vxlan id 42 local "$2" remote "$3" dstport 4789
    at "$1" ip address add "$4/24" dev vxlan42
    at "$1" ip link set vxlan42 up
}
tunnel desk 192.0.2.10 192.0.2.20 198.51.100.10
tunnel server 192.0.2.20 192.0.2.10 198.51.100.20
capture vxlan-http.pcap 'udp port 4789' 'HTTP and a ping through VXLAN 42 (198.51.100.0/24)'
client desk ping -c 1 198.51.100.20
web desk http://198.51.100.20/
finish
for host in desk server; do at $host ip link delete vxlan42; done

way_to desk
"${way[@]}" ssh -F none -i "$work/user-key" -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no \
    -o Tunnel=point-to-point -w 0:0 -N root@192.0.2.20 2>"$work/tun.log" &
shell=$!
until_true at server ip link show tun0
until_true at server ip address add 203.0.113.20 peer 203.0.113.10 dev tun0
until_true at desk ip address add 203.0.113.10 peer 203.0.113.20 dev tun0
at server ip link set tun0 up
at desk ip link set tun0 up
capture_at desk raw-redis.pcap 'redis inside a tunnel device: raw IP, no link layer' -i tun0 'tcp or icmp'
until_true at desk ping -c 1 -W 1 203.0.113.20
client desk redis-cli -h 203.0.113.20 get toner
finish
kill $shell
wait $shell || true

echo 'recording: mDNS' >&2
browse() {
    client desk avahi-browse -rpt _http._tcp
    client desk avahi-browse -rpt _printer._sub._http._tcp
    client desk avahi-browse -pat
}
both mdns-announce 'udp port 5353' 'two avahi-daemons probe and announce _http._tcp on 49154 (subtype, TXT), _sftp-ssh._tcp and a type that is not registered'
start_avahi desk
start_avahi printer
sleep 4
finish

# A daemon that has just started remembers nothing, so it asks and is answered.
stop desk avahi
both mdns-browse 'udp port 5353' 'avahi-browse asks for types, instances and a subtype'
start_avahi desk
browse
finish

stop desk avahi
both mdns-http-49154 'udp port 5353 or tcp port 49154' 'the SRV record says 49154, then HTTP goes there'
start_avahi desk
client desk avahi-browse -rpt _http._tcp
client desk avahi-resolve -4 -n printer.local
client desk avahi-resolve -6 -n printer.local
web desk http://192.0.2.30:49154/status/
web desk "http://[2001:db8::30]:49154/status/"
finish

capture mdns-legacy-query.pcap 'udp port 5353 or icmp' 'dig asks the group from an ordinary port; the answer is unicast'
at desk timeout 5 dig +tries=1 +timeout=1 -p 5353 printer.local @224.0.0.251 >/dev/null 2>&1 || true
finish

both mdns-ipp-6631 'udp port 5353 or tcp port 6631' 'ippeveprinter registers _ipp._tcp on 6631 with subtypes; an IPP request goes there'
start_ipp 6631
sleep 2
ask_printer 192.0.2.30 6631
ask_printer '[2001:db8::30]' 6631
finish

both mdns-goodbye 'udp port 5353' 'the printer and its avahi-daemon end: records with a TTL of zero'
stop printer ipp
sleep 0.5
stop printer avahi
sleep 0.5
finish

echo 'recording: the office' >&2
# The first packets go to a port that only a later SRV record explains.
office() {
    at desk ip neighbour flush dev eth0
    web desk http://192.0.2.30:49154/status/
    sleep 0.7
    client desk dig +tries=1 server.office.example A @192.0.2.1
    sleep 0.7
    client desk snmpget -v 2c -c public 192.0.2.20 .1.3.6.1.2.1.1.5.0
    sleep 0.7
    client desk chronyd -Q -x -t 3 -u root -f /dev/null 'server 192.0.2.1 iburst maxsamples 1' 'cmdport 0' "pidfile $work/desk/chronyd.pid"
    start_avahi printer
    sleep 0.4
    start_ipp 6631
    sleep 1.2
    client desk dig +tries=1 server.office.example AAAA @2001:db8::1
    client desk ping -c 2 -i 0.3 192.0.2.20
    web desk http://192.0.2.20/
    sleep 0.7
    web desk https://192.0.2.20/
    sleep 0.7
    web desk "https://[2001:db8::20]:8443/"
    sleep 0.7
    remote_shell 2222 192.0.2.20
    sleep 0.7
    client desk avahi-browse -rpt _http._tcp
    ask_printer 192.0.2.30 6631
    sleep 0.7
    client desk mosquitto_pub -h 2001:db8::20 -t shelf/3 -m 'out of paper'
    sleep 0.7
    client desk dig +tries=1 'Office Calendar._caldav._tcp.office.example' SRV @192.0.2.1
    web desk http://192.0.2.20:8800/
    at desk timeout 5 snmpget -r 0 -t 1 -v 2c -c public 192.0.2.30 .1.3.6.1.2.1.1.5.0 >/dev/null 2>&1 || true
}
capture_ng bridge office.pcapng 'a quarter of a minute in an office: the capture of the README and of `make run`' -i br0
office
finish

echo 'recording: ports of others' >&2
annex=(192.0.2.50 2001:db8::50)
in_url=(192.0.2.50 '[2001:db8::50]')
names=(192.0.2.1 2001:db8::1)
start_other_dns
annex_web
annex_shells
annex_redis
annex_broker
annex_speed
annex_database
annex_ftp
annex_relays
annex_quic "$work/python/bin/python"
hide_hosts

both http-foreign 'tcp port 8000 or tcp port 22222 or tcp port 49200' 'HTTP on 8000 and 22222, which belong to others, and on 49200, which has no name'
for host in "${in_url[@]}"; do for port in 8000 22222 49200; do web desk "http://$host:$port/"; done; done
finish

both tls-foreign 'tcp port 22 or tcp port 9443' 'HTTPS on 9443 and on 22: TLS on the port of SSH'
for host in "${in_url[@]}"; do for port in 9443 22; do web desk "https://$host:$port/"; done; done
finish

both ssh-foreign 'tcp port 8443' 'a command over SSH on 8443'
for host in "${annex[@]}"; do remote_shell 8443 "$host"; done
finish

both asked-foreign 'tcp port 8000 or tcp port 2222 or tcp port 9443' 'asked for what they do not speak: TLS of a plain HTTP server (8000), HTTP of sshd (2222), HTTP of a TLS server (9443)'
for host in "${in_url[@]}"; do
    in_vain curl -sS --insecure --max-time 5 "https://$host:8000/"
    in_vain curl -sS --fail --max-time 5 "http://$host:2222/"
    in_vain curl -sS --fail --max-time 5 "http://$host:9443/"
done
finish

both redis-9999 'tcp port 9999' 'SET and GET with redis-cli on 9999'
for host in "${annex[@]}"; do
    client desk redis-cli -h "$host" -p 9999 set toner 80
    client desk redis-cli -h "$host" -p 9999 get toner
done
finish

both postgres-50432 'tcp port 50432' 'psql on 50432: in plain, then asking for TLS before it says who it is (SSLRequest)'
for host in "${annex[@]}"; do for tls in disable require; do query "$host" 50432 $tls; done; done
finish

both dns-5300 'port 5300' 'dnsmasq answers on 5300, over UDP and over TCP'
for host in "${names[@]}"; do
    name_server "$host" 5300 server.office.example AAAA
    name_server "$host" 5300 +tcp server.office.example A
done
finish

both dns-srv-mqtt 'port 53 or tcp port 18830' 'an SRV record names port 18830, then mosquitto_pub goes there'
for n in 0 1; do
    name_server "${names[n]}" 53 _mqtt._tcp.office.example SRV
    name_server "${names[n]}" 53 annex.office.example "$([[ $n == 0 ]] && echo A || echo AAAA)"
    client desk mosquitto_pub -h "${annex[n]}" -p 18830 -t shelf/3 -m 'out of paper'
done
finish

both mqtt-18830 'tcp port 18830' 'mosquitto_pub publishes to port 18830, of which nothing is said'
for host in "${annex[@]}"; do client desk mosquitto_pub -h "$host" -p 18830 -t shelf/3 -m 'out of paper'; done
finish

both iperf3 'port 5201 or port 33333' 'iperf3 over TCP and UDP on its own habit, 5201 (registered for another), and on 33333'
for host in "${annex[@]}"; do for port in 5201 33333; do measure "$host" $port; done; done
finish

both ftp-2121 'tcp and ether host 02:00:00:00:00:32' 'a file over FTP on 2121, passive (PASV or EPSV, to port 49210) and active (PORT or EPRT, to a port of the client)'
web desk --disable-epsv ftp://192.0.2.50:2121/readme.txt
web desk --disable-eprt --ftp-port - ftp://192.0.2.50:2121/readme.txt
web desk "ftp://[2001:db8::50]:2121/readme.txt"
web desk --ftp-port - "ftp://[2001:db8::50]:2121/readme.txt"
finish

both smtp-starttls 'tcp port 25 or tcp port 2025' 'a letter over SMTP on 25 and on 2025, each in plain and after STARTTLS'
printf 'Subject: Toner\r\n\r\nPlease bring some.\r\n' >"$work/letter"
for host in "${in_url[@]}"; do
    for port in 25 2025; do
        for tls in --no-ssl --ssl-reqd; do
            web desk "${tls/#--no-ssl/--silent}" --mail-from desk@office.example --mail-rcpt toner@office.example --upload-file "$work/letter" "smtp://$host:$port/desk"
        done
    done
done
finish

both proxy-connect 'tcp and ether host 02:00:00:00:00:32' 'tinyproxy on 3128: a page by GET, and another over TLS by CONNECT; with the connections it makes itself'
web desk --proxy http://192.0.2.50:3128 http://192.0.2.20/
web desk --proxy http://192.0.2.50:3128 https://192.0.2.20/
web desk --proxy "http://[2001:db8::50]:3128" "http://[2001:db8::20]/"
web desk --proxy "http://[2001:db8::50]:3128" "https://[2001:db8::20]/"
finish

both proxy-socks 'tcp and ether host 02:00:00:00:00:32' 'microsocks on 1080 and 22080 (SOCKS 5): a page over HTTP and one over TLS; with the connections it makes itself'
for port in 1080 22080; do
    web desk --socks5 "192.0.2.50:$port" http://192.0.2.20/
    web desk --socks5 "192.0.2.50:$port" https://192.0.2.20/
    web desk --socks5 "[2001:db8::50]:$port" "http://[2001:db8::20]/"
    web desk --socks5 "[2001:db8::50]:$port" "https://[2001:db8::20]/"
done
finish

both proxy-protocol 'tcp port 8085' 'HTTP behind a line of the PROXY protocol (version 1)'
for host in "${in_url[@]}"; do web desk --haproxy-protocol "http://$host:8085/"; done
finish

both quic-ports 'udp port 443 or udp port 4433' 'a page over HTTP/3 on 443 and on 4433'
for host in "${annex[@]}"; do
    for port in 443 4433; do client desk "$work/python/bin/python" "$here/quic.py" get "$host" $port; done
done
finish

echo 'recording: asked in vain' >&2
both unanswered 'host 192.0.2.99 or host 2001:db8::99 or net 198.51.100.0/24 or net 2001:db8:1::/48 or net 2001:db8:2::/48 or tcp port 8123 or port 161 or icmp or icmp6' \
    'refused by RST (8123), by ICMP of the host (161) and of the gate (no way, forbidden); and nobody there at all (host 99)'
for host in 192.0.2.50 2001:db8::50; do in_vain curl -sS "http://${host/2001*/[$host]}:8123/"; done
for host in 192.0.2.50 'udp6:[2001:db8::50]'; do in_vain snmpget -r 0 -t 1 -v 2c -c public "$host" .1.3.6.1.2.1.1.5.0; done
for host in 198.51.100.7 198.51.100.207 2001:db8:1::7 2001:db8:2::7 192.0.2.99 2001:db8::99; do
    in_vain curl -sS --max-time 2 "http://${host/2001*/[$host]}/"
    in_vain dig +tries=1 +timeout=1 server.office.example "@$host"
done
finish

both late-answers 'port 53 or icmp or icmp6' 'names answered when the client has gone: it refuses the answer by ICMP, which quotes the server'
for n in 0 1; do
    kill -STOP "$daemon_gate_dnsmasq"
    in_vain dig +tries=1 +timeout=1 server.office.example "@${names[n]}"
    kill -CONT "$daemon_gate_dnsmasq"
    sleep 0.3
done
finish

few=21,22,23,25,53,80,110,111,135,139,143,443,445,993,995,3306,3389,5900,6379,8080
both scan-syn 'tcp and ether host 02:00:00:00:00:32' 'nmap -sS: twenty ports asked by SYN; what is open answers and is then sent RST'
for host in "${annex[@]}"; do scan "$host" $few -sS; done
finish

both scan-syn-data 'tcp and ether host 02:00:00:00:00:32' 'the same with 24 octets on each SYN'
for host in "${annex[@]}"; do scan "$host" $few -sS --data-length 24; done
finish

both scan-flags 'tcp and ether host 02:00:00:00:00:32' 'nmap -sA, -sF and -sN: ports asked by ACK, FIN and no flag; answers are RST or none'
for host in "${annex[@]}"; do for kind in -sA -sF -sN; do scan "$host" $few $kind; done; done
finish

both scan-udp 'ether host 02:00:00:00:00:01 and (udp or icmp or icmp6)' 'nmap -sU asks the gate: DNS and NTP answer, six others refuse by ICMP or are silent'
for host in "${names[@]}"; do scan "$host" 53,69,123,137,161,500,514,1900 -sU; done
finish

write_truth
write_readme
