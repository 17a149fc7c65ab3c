# Runs in a mount namespace of its own, as root: setup on the host itself, which here is an overlay over it that is gone
# with the namespace. live.sh BASE NODE PROGRAM ARGUMENTS...
set -eu
base=$1 node=$2 program=$3
shift 3
mount --make-rprivate /
mount -t tmpfs tmpfs "$base"
mkdir "$base/upper" "$base/work" "$base/host"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$base/host"
for place in /proc /dev "$LIVE_PROJECT" "${node%/*}" "$LIVE_BIN"; do
	mount --rbind "$place" "$base/host$place"
done

on_host() { # COMMAND...
	chroot "$base/host" "$@"
}
looks() {
	on_host find /usr/local/etc /usr/local/libexec /var/db /var/log /etc/passwd /etc/group /etc/rc.conf \
		-exec stat -c '%n %F %a %u:%g' {} + 2>/dev/null | sort || :
	on_host cat /etc/passwd /etc/group /etc/rc.conf
}

echo 'hostname="db1"' >"$base/host/etc/rc.conf"
looks >"$base/before"
on_host "$node" "$program" setup --yes "$@" || exit
echo "--- config"
on_host cat /usr/local/etc/proxysql-carp.toml
on_host stat -c '%a %U:%G' /usr/local/etc/proxysql-carp.toml
echo "--- rc.conf.d"
on_host cat /usr/local/etc/rc.conf.d/proxysql_carp /etc/rc.conf
echo "--- periodic"
on_host grep -E '^: "' /usr/local/etc/periodic/daily/485.proxysql-carp
echo "--- user"
on_host grep ^proxysql-carp: /etc/passwd
echo "--- again"
on_host "$node" "$program" setup --yes "$@"
echo "--- running"
on_host mkdir -p /run/proxysql-carp
chroot "$base/host" "$node" -e '
	const answer = (socket) => socket.on("data", () => socket.end("{\"ok\":true}\n"));
	require("node:net").createServer(answer).listen("/var/run/proxysql-carp/agent.sock", () => console.log("listens"));
' >"$base/agent" &
agent=$!
until grep -q listens "$base/agent"; do sleep 0.1; done
on_host "$node" "$program" setup --yes --remove 2>&1 && echo "removed all the same"
kill "$agent"
wait "$agent" 2>/dev/null || :
echo "--- remove"
on_host "$node" "$program" setup --yes --remove
looks >"$base/after"
echo "--- trace"
diff "$base/before" "$base/after"
