# The lab of samples/record.sh and tests/laboratory.sh: hosts in network namespaces on one bridge, and their programs.
# Sourced inside a namespace of its own (network, mounts, processes): all of it ends with that shell.
#
# gate     192.0.2.1   2001:db8::1    dnsmasq (DNS, DHCP; DNS on 5300, too), chronyd
# desk     192.0.2.10  2001:db8::10   the clients, avahi-daemon, sshd
# server   192.0.2.20  2001:db8::20   nginx, sshd, mosquitto, redis, PostgreSQL, snmpd, in.tftpd, vsftpd
# printer  192.0.2.30  2001:db8::30   avahi-daemon, nginx, ippeveprinter
# annex    192.0.2.50  2001:db8::50   servers on ports that are not theirs; proxies, mail, QUIC
# guest    asks for its address

declare -A pid_of=()
hosts=(gate desk server printer annex guest)
declare -A number_of=([gate]=1 [desk]=10 [server]=20 [printer]=30 [guest]=40 [annex]=50)

# way_to HOST: sets `way`, the command prefix that runs something on that host. A program started with it
# in the background is the shell's own child, which a signal reaches.
way_to() {
    way=(nsenter --target "${pid_of[$1]}" --net --uts --mount --)
}

# at HOST COMMAND…: runs it on that host.
at() {
    local way
    way_to "$1"
    "${way[@]}" "${@:2}"
}

# Waits until a command succeeds; gives up after half a minute.
until_true() {
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    echo "gave up waiting for: $*" >&2
    return 1
}

# daemon HOST NAME COMMAND…: starts a program that stays; its words go to NAME.log.
daemon() {
    local host=$1 name=$2 way
    shift 2
    way_to "$host"
    "${way[@]}" "$@" >"$work/$host-$name.log" 2>&1 </dev/null &
    printf -v "daemon_${host}_${name//-/_}" %s $!
}

# stop HOST NAME: ends it as its service manager would, and waits.
stop() {
    local variable="daemon_${1}_${2//-/_}"
    kill -TERM "${!variable}"
    wait "${!variable}" || true
}

# listening HOST tcp|udp PORT
listening() {
    at "$1" ss -H -ln "--$2" "sport = :$3" | grep -q .
}

build_bridge() {
    ip link set lo up
    ip link add br0 type bridge mcast_snooping 0 forward_delay 0
    # The bridge only listens: its own address solicitations would be in every capture.
    echo 1 >/proc/sys/net/ipv6/conf/br0/disable_ipv6
    ip link set br0 address 02:00:00:00:00:ff up
}

# build_host NAME: namespaces with a private /run, an own host name, and eth0 on the bridge.
build_host() {
    local host=$1 number=${number_of[$1]}
    unshare --net --uts --mount sleep infinity &
    pid_of[$host]=$!
    # It sleeps once it has entered them.
    until_true grep -qx sleep "/proc/${pid_of[$host]}/comm"

    ip link add "$host" type veth peer name eth0 netns "${pid_of[$host]}"
    echo 1 >"/proc/sys/net/ipv6/conf/$host/disable_ipv6"
    ip link set "$host" master br0 up
    # Octets leave as on a real wire: whole checksums, no segment longer than the MTU.
    at "$host" ethtool -K eth0 tx off gso off tso off gro off >/dev/null
    ethtool -K "$host" tx off gso off tso off gro off >/dev/null

    mkdir -p "$work/$host"
    printf 'nameserver 192.0.2.1\nsearch office.example\noptions timeout:1 attempts:1\n' >"$work/$host/resolv.conf"
    printf '%s\n' '127.0.0.1 localhost' "192.0.2.$number $host.local $host" "2001:db8::$number $host.local $host" >"$work/$host/hosts"
    at "$host" bash -c "
        hostname $host
        mount -t tmpfs -o mode=755 none /run
        mkdir -p /run/sshd /run/dbus /run/avahi-daemon /run/lock
        mount --bind '$work/$host/hosts' /etc/hosts
        mount --bind '$work/$host/resolv.conf' \$(readlink -f /etc/resolv.conf 2>/dev/null || echo /etc/resolv.conf)
        echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad
        echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad
        echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_ra
        echo 0 >/proc/sys/net/ipv6/conf/eth0/router_solicitations
        # No client takes the port of a server for its own.
        echo 33333,49154,49200,49210,49500,50432 >/proc/sys/net/ipv4/ip_local_reserved_ports
        ip link set lo up
        ip link set eth0 address 02:00:00:00:00:$(printf %02x "$number") up"
    if [[ $host != guest ]]; then
        at "$host" ip address add "192.0.2.$number/24" dev eth0
        at "$host" ip address add "2001:db8::$number/64" dev eth0 nodad
        if [[ $host != gate ]]; then
            at "$host" ip route add default via 192.0.2.1
            at "$host" ip -6 route add default via 2001:db8::1
        fi
    fi
}

# start_dns TTL: names and leases. dnsmasq's own default for local names is a TTL of zero.
start_dns() {
    local texts=() number
    for number in {1..12}; do
        texts+=("--txt-record=inventory.office.example,shelf $number: $(printf '%0200d' "$number")")
    done
    daemon gate dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --pid-file= \
        --no-hosts --no-resolv --local-ttl="$1" --local=/office.example/ --domain=office.example --edns-packet-max=4096 \
        --host-record=server.office.example,192.0.2.20,2001:db8::20 \
        --host-record=gate.office.example,192.0.2.1,2001:db8::1 \
        --host-record=annex.office.example,192.0.2.50,2001:db8::50 \
        --srv-host=_mqtt._tcp.office.example,annex.office.example,18830,0,5 \
        --srv-host=_caldav._tcp.office.example,server.office.example,8800,0,5 \
        --ptr-record=_caldav._tcp.office.example,"Office Calendar._caldav._tcp.office.example" \
        --srv-host="Office Calendar._caldav._tcp.office.example",server.office.example,8800,0,5 \
        --txt-record="Office Calendar._caldav._tcp.office.example",path=/calendar/ \
        "${texts[@]}" \
        --dhcp-range=192.0.2.100,192.0.2.120,1h --dhcp-leasefile="$work/gate/leases" --dhcp-authoritative \
        --no-ping
    until_true listening gate udp 53
}

# The same names on port 5300.
start_other_dns() {
    daemon gate dnsmasq-5300 dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --pid-file= --port=5300 \
        --no-hosts --no-resolv --local-ttl=300 --local=/office.example/ \
        --host-record=server.office.example,192.0.2.20,2001:db8::20
    until_true listening gate udp 5300
}

# The time of day.
start_time() {
    printf '%s\n' 'local stratum 8' 'allow' 'cmdport 0' "pidfile $work/gate/chronyd.pid" >"$work/gate/chrony.conf"
    # -x: it tells the time and never sets this machine's clock.
    daemon gate chronyd chronyd -x -d -u root -f "$work/gate/chrony.conf"
    until_true listening gate udp 123
}

# nginx_conf HOST SERVER-BLOCKS: all state under the work directory.
nginx_conf() {
    local host=$1
    mkdir -p "$work/$host/nginx"
    cat >"$work/$host/nginx.conf" <<CONF
daemon off; user root; worker_processes 1; pid $work/$host/nginx.pid; error_log $work/$host/nginx-error.log;
events { worker_connections 64; }
http {
    access_log off; server_tokens off;
    client_body_temp_path $work/$host/nginx; proxy_temp_path $work/$host/nginx;
    fastcgi_temp_path $work/$host/nginx; uwsgi_temp_path $work/$host/nginx; scgi_temp_path $work/$host/nginx;
    ssl_certificate $work/cert.pem; ssl_certificate_key $work/key.pem;
    default_type text/plain; root $work/pages;
    $2
}
CONF
    # A log that is absent at start would otherwise be looked for under /var/log.
    daemon "$host" nginx nginx -e "$work/$host/nginx-error.log" -c "$work/$host/nginx.conf"
}

# start_sshd HOST PORT-FLAGS
start_sshd() {
    local host=$1
    shift
    daemon "$host" sshd /usr/sbin/sshd -D -e -f /dev/null "$@" -h "$work/host-key" -o PidFile=none -o UsePAM=no \
        -o StrictModes=no -o AuthorizedKeysFile="$work/authorized" -o PermitTunnel=yes -o UseDNS=no
}

# What is served, and the keys of servers and users.
make_pages_and_keys() {
    mkdir -p "$work/pages/status"
    echo 'All printers ready.' >"$work/pages/index.html"
    echo 'Toner: 80 percent.' >"$work/pages/status/index.html"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -subj /CN=server.office.example -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
    ssh-keygen -q -t ed25519 -N '' -C lab -f "$work/host-key"
    ssh-keygen -q -t ed25519 -N '' -C lab -f "$work/user-key"
    cp "$work/user-key.pub" "$work/authorized"
}

# start_mosquitto HOST PORT…
start_mosquitto() {
    local host=$1
    shift
    printf '%s\n' "${@/#/listener }" 'allow_anonymous true' 'user root' 'persistence false' >"$work/$host/mosquitto.conf"
    daemon "$host" mosquitto mosquitto -c "$work/$host/mosquitto.conf"
}

# start_redis HOST PORT
start_redis() {
    daemon "$1" redis redis-server --port "$2" --bind 0.0.0.0 :: --protected-mode no --save '' --dir "$work/$1"
}

# start_postgres HOST PORT: answers in plain and, where the client wants it, over TLS.
start_postgres() {
    local bin data="$work/$1/postgres" as_postgres=(setpriv --reuid=postgres --regid=postgres --clear-groups)
    bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1)
    install -d -o postgres "$data"
    "${as_postgres[@]}" "$bin/initdb" -D "$data" -A trust -U lab >"$work/initdb.log"
    echo 'host all all all trust' >>"$data/pg_hba.conf"
    install -o postgres -m 600 "$work/key.pem" "$data/server.key"
    install -o postgres -m 600 "$work/cert.pem" "$data/server.crt"
    daemon "$1" postgres "${as_postgres[@]}" "$bin/postgres" -D "$data" -p "$2" "${@:3}" \
        -c "listen_addresses=*" -c unix_socket_directories= -c fsync=off
}

# start_ftp HOST PORT PASSIVE-PORT
start_ftp() {
    install -d "$work/$1/ftp" "$work/$1/empty"
    echo 'Read me first.' >"$work/$1/ftp/readme.txt"
    printf '%s\n' listen=NO listen_ipv6=YES background=NO anonymous_enable=YES no_anon_password=YES \
        "anon_root=$work/$1/ftp" "secure_chroot_dir=$work/$1/empty" seccomp_sandbox=NO "listen_port=$2" \
        "pasv_min_port=$3" "pasv_max_port=$3" xferlog_enable=NO >"$work/$1/vsftpd.conf"
    daemon "$1" vsftpd vsftpd "$work/$1/vsftpd.conf"
}

start_server() {
    mkdir -p "$work/server/tftp"
    head -c 1500 /dev/zero | tr '\0' 'k' >"$work/server/tftp/boot.cfg"
    nginx_conf server '
    server { listen 80; listen [::]:80; listen 8800; listen [::]:8800; }
    server { listen 443 ssl; listen [::]:443 ssl; listen 8443 ssl; listen [::]:8443 ssl; }'

    start_sshd server -p 22 -p 2222
    start_mosquitto server 1883
    start_redis server 6379
    # In plain alone: its clients do not ask for more.
    start_postgres server 5432

    printf '%s\n' 'rocommunity public' 'rocommunity6 public' 'sysName server' 'sysLocation third floor' \
        'agentAddress udp:161,udp6:161' >"$work/server/snmpd.conf"
    daemon server snmpd snmpd -f -Lo -C -c "$work/server/snmpd.conf" -p "$work/server/snmpd.pid"

    daemon server tftpd in.tftpd --foreground --listen --user root --secure "$work/server/tftp"

    start_ftp server 21 49200

    local port
    for port in 21 22 80 443 1883 2222 5432 6379 8443 8800; do until_true listening server tcp "$port"; done
    for port in 69 161; do until_true listening server udp "$port"; done
}

# start_bus HOST: a message bus of its own; avahi and its clients meet there.
start_bus() {
    cat >"$work/$1/bus.conf" <<CONF
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/></policy></busconfig>
CONF
    daemon "$1" bus dbus-daemon --config-file="$work/$1/bus.conf" --nofork --nopidfile
    until_true at "$1" test -S /run/dbus/system_bus_socket
}

# start_avahi HOST: announces what lies in $work/HOST/services.
start_avahi() {
    local host=$1
    mkdir -p "$work/$host/services"
    cat >"$work/$host/avahi.conf" <<CONF
[server]
host-name=$host
use-ipv4=yes
use-ipv6=yes
allow-interfaces=eth0
[wide-area]
enable-wide-area=no
[publish]
publish-hinfo=yes
publish-workstation=no
CONF
    at "$host" mountpoint -q /etc/avahi/services || at "$host" mount --bind "$work/$host/services" /etc/avahi/services
    daemon "$host" avahi avahi-daemon --file="$work/$host/avahi.conf" --no-drop-root --no-chroot --no-rlimits
    until_true at "$host" test -S /run/avahi-daemon/socket
}

# advertise HOST FILE NAME SERVICE-ELEMENTS
advertise() {
    mkdir -p "$work/$1/services"
    cat >"$work/$1/services/$2.service" <<XML
<?xml version="1.0" standalone='no'?><!DOCTYPE service-group SYSTEM "avahi-service.dtd">
<service-group><name replace-wildcards="yes">$3</name>$4</service-group>
XML
}

# start_printer PORT: its pages.
start_printer() {
    nginx_conf printer "server { listen $1; listen [::]:$1; }"
    until_true listening printer tcp "$1"
}

# annex_web, annex_shells…: what stands on ports that are not its own, and on some that are.
annex_web() {
    local port plain='' tls=''
    for port in 80 8000 22222 49200; do plain+="listen $port; listen [::]:$port; "; done
    for port in 22 443 9443; do tls+="listen $port ssl; listen [::]:$port ssl; "; done
    # It takes none but connections that begin with the PROXY protocol on 8085.
    nginx_conf annex "server { $plain } server { $tls } server { listen 8085 proxy_protocol; listen [::]:8085 proxy_protocol; }"
    for port in 22 80 443 8000 8085 9443 22222 49200; do until_true listening annex tcp "$port"; done
}
annex_shells() {
    local port
    start_sshd annex -p 2222 -p 8443
    for port in 2222 8443; do until_true listening annex tcp "$port"; done
}
annex_redis() {
    start_redis annex 9999
    until_true listening annex tcp 9999
}
annex_broker() {
    local port
    start_mosquitto annex 1883 18830
    for port in 1883 18830; do until_true listening annex tcp "$port"; done
}
annex_speed() {
    local port
    for port in 5201 33333; do
        daemon annex "iperf$port" iperf3 -s -p "$port"
        until_true listening annex tcp "$port"
    done
}
annex_database() {
    start_postgres annex 50432 -c ssl=on
    until_true listening annex tcp 50432
}
annex_ftp() {
    start_ftp annex 2121 49210
    until_true listening annex tcp 2121
}
# Relays for others, and mail that turns to TLS.
annex_relays() {
    local port family
    for port in 1080 22080; do
        daemon annex "socks$port" microsocks -i :: -p "$port"
        until_true listening annex tcp "$port"
    done
    printf '%s\n' 'Port 3128' 'Listen 0.0.0.0' 'Listen ::' 'Timeout 60' 'MaxClients 10' 'StartServers 1' >"$work/annex/tinyproxy.conf"
    daemon annex tinyproxy tinyproxy -d -c "$work/annex/tinyproxy.conf"
    until_true listening annex tcp 3128
    for port in 25 2025; do
        for family in 4:0.0.0.0 6:::; do
            daemon annex "smtp$port${family%%:*}" aiosmtpd --nosetuid --no-requiretls --listen "${family#*:}:$port" \
                --tlscert "$work/cert.pem" --tlskey "$work/key.pem"
        done
        until_true at annex nc -z -4 127.0.0.1 "$port"
        until_true at annex nc -z -6 ::1 "$port"
    done
}
# annex_quic PYTHON: HTTP/3 on 443 and 4433.
annex_quic() {
    local port
    for port in 443 4433; do
        daemon annex "quic$port" "$1" "$here/quic.py" serve :: "$port" "$work/cert.pem" "$work/key.pem"
        until_true listening annex udp "$port"
    done
}

start_desk() {
    start_sshd desk -p 22
    until_true listening desk tcp 22
}

# describe_services PORT: of the printer's pages.
describe_services() {
    advertise printer pages 'Printer pages on %h' '<service><type>_http._tcp</type>
        <subtype>_printer._sub._http._tcp</subtype><port>'"$1"'</port>
        <txt-record>path=/status/</txt-record><txt-record>floor=3</txt-record></service>'
    # A name with dots, blanks and letters beyond ASCII; keys without and with an empty value.
    advertise desk files 'Zoë’s files, v2.1 (3rd floor)' '<service><type>_sftp-ssh._tcp</type><port>22</port>
        <txt-record>u=zoe</txt-record><txt-record>p=</txt-record><txt-record>readonly</txt-record></service>
        <service><type>_label-maker._udp</type><port>40404</port></service>'
}

# start_ipp PORT: a printer in software that registers itself with avahi under _ipp._tcp and its subtypes.
start_ipp() {
    mkdir -p "$work/printer/spool"
    daemon printer ipp ippeveprinter -p "$1" -n printer.local -s 10,5 -f application/pdf,image/urf \
        -l 'Third floor' -M Lab -m Model-1 -d "$work/printer/spool" 'Office Printer'
    until_true listening printer tcp "$1"
}

# client HOST COMMAND…: one that hangs or fails ends it all: a capture without its talk is worth nothing.
client() {
    local host=$1
    shift
    at "$host" timeout 30 "$@" >"$work/client.log" 2>&1 </dev/null || {
        echo "failed on $host: $*" >&2
        cat "$work/client.log" >&2
        return 1
    }
}
web() { client "$1" curl -sS --fail --insecure --max-time 5 "${@:2}"; }
# ask_printer ADDRESS PORT: Get-Printer-Attributes (RFC 8011 section 4.2.5) by curl: CUPS's own client would tell the
# recording machine's kernel in its User-Agent.
ask_printer() {
    local uri="ipp://$1:$2/ipp/print"
    {
        printf '\x02\x00\x00\x0b\x00\x00\x00\x01\x01'
        printf '\x47\x00\x12attributes-charset\x00\x05utf-8\x48\x00\x1battributes-natural-language\x00\x02en'
        printf "\\x45\\x00\\x0bprinter-uri\\x00\\x$(printf %02x ${#uri})%s\\x03" "$uri"
    } >"$work/request.ipp"
    web desk --header 'Content-Type: application/ipp' --data-binary "@$work/request.ipp" --output "$work/answer.ipp" \
        "http://$1:$2/ipp/print"
    # Its status is successful-ok: the octets after the version are zero.
    cmp --bytes=2 --ignore-initial=2:0 "$work/answer.ipp" /dev/zero
}
# remote_shell PORT ADDRESS
remote_shell() {
    client desk ssh -F none -i "$work/user-key" -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -p "$1" "root@$2" true
}

# name_server ADDRESS PORT DIG-WORD…: one question to a name server.
name_server() { client desk dig +tries=1 -p "$2" "@$1" "${@:3}"; }
# measure ADDRESS PORT: a few octets by iperf3 over TCP, then over UDP.
measure() {
    client desk iperf3 -c "$1" -p "$2" -n 8K -l 1K
    client desk iperf3 -c "$1" -p "$2" -u -b 1M -n 8K -l 500
}
# query ADDRESS PORT TLS: sums by psql, which asks for TLS before it says who it is unless TLS is `disable`.
query() { client desk psql "host=$1 port=$2 user=lab dbname=postgres sslmode=$3 gssencmode=disable" -c 'select 6 * 7'; }
# scan ADDRESS PORTS NMAP-FLAG…: asks every port once and shuts no connection; needs no answer.
scan() {
    local family=()
    [[ $1 != *:* ]] || family=(-6)
    client desk nmap -n -Pn "${family[@]}" --max-retries 0 --max-rate 200 -p "$2" "${@:3}" "$1"
}
# What there is for ports that nobody listens on: refusal at once, nothing, or a word from the gate that no way leads there.
hide_hosts() {
    local address
    for address in 192.0.2.99 2001:db8::99; do
        at desk ip neighbour replace "$address" lladdr 02:00:00:00:00:63 nud permanent dev eth0
    done
    at gate bash -c '
        echo 1 >/proc/sys/net/ipv4/ip_forward
        echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
        # It may refuse as often as it is asked.
        echo 0 >/proc/sys/net/ipv4/icmp_ratemask
        echo 0 >/proc/sys/net/ipv6/icmp/ratelimit
        ip route add unreachable 198.51.100.0/25
        ip route add prohibit 198.51.100.128/25
        ip -6 route add unreachable 2001:db8:1::/48
        ip -6 route add prohibit 2001:db8:2::/48'
}
# in_vain COMMAND…: on the desk, where failing is what is wanted.
in_vain() {
    ! at desk timeout 15 "$@" >"$work/client.log" 2>&1 </dev/null || {
        echo "was answered: $*" >&2
        return 1
    }
}

# Every socket that serves, on every host: address, port, transport, program. The kernel's own have none.
serving() {
    local host addresses
    for host in "${hosts[@]}"; do
        addresses=$(printf '%s\n' 127.0.0.1 ::1
            at "$host" ip -o address show scope global | awk '{sub("/.*","",$4); print $4}'
            at "$host" ip -o -6 address show scope link | awk '{sub("/.*","",$4); print $4}')
        at "$host" ss -H -lntup | awk -v addresses="$addresses" '
            { split($5, place, /%/); port = $5; sub(/.*:/, "", port)
              local = $5; sub(/:[0-9]+$/, "", local); sub(/%.*/, "", local); gsub(/[][]/, "", local)
              program = "kernel"; if (match($0, /\(\("[^"]+/)) program = substr($0, RSTART + 3, RLENGTH - 3)
              count = split(addresses, list, "\n")
              for (i = 1; i <= count; i++) {
                  if (local == "*" || (local == "0.0.0.0" && list[i] !~ /:/) || (local == "::" && list[i] ~ /:/) || local == list[i])
                      print list[i] "\t" port "\t" $1 "\t" program } }'
    done | sort -u
}
