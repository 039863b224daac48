#!/usr/bin/env bash
# The floors of docs/design.md, "The house": each folder includes only what stands below it, and only workers/mysql and
# what stands on it include libmariadb's header. Prints every include that breaks this.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

allowed() {   # FOLDER -> regular expression of the first path part it may include
    case $1 in
        base) echo 'base' ;;
        store) echo 'base|store' ;;
        notify) echo 'base|store|notify' ;;
        flow) echo 'base|store|notify|flow' ;;
        api) echo 'base|store|notify|flow|api' ;;
        server) echo 'base|store|notify|flow|api|server' ;;
        cli) echo 'base|cli' ;;
        workers) echo 'base|workers' ;;
    esac
}

bad=0
report() { echo "$1"; bad=1; }

for folder in base store notify flow api server cli workers; do
    while IFS=: read -r file line include; do
        [[ $include =~ ^(base|store|notify|flow|api|server|cli|workers)/ ]] || continue
        [[ ${include%%/*} =~ ^($(allowed $folder))$ ]] || report "$file:$line: $folder must not include $include"
    done < <(grep -rnoP --include='*.[ch]' '^#include "\K[^"]+' $folder)
done

# convert/ stands on mysql/ alone.
while IFS=: read -r file line include; do
    [[ $include =~ ^workers/(precheck|schema|relay|full|incr|release|start|switch|verify)/ ]] && report "$file:$line: convert must not include $include"
done < <(grep -rnoP --include='*.[ch]' '^#include "\K[^"]+' workers/convert)

# start/ (where a stream begins) stands on mysql/ and the frame; relay, incr and switch stand on it.
while IFS=: read -r file line include; do
    [[ $include =~ ^workers/(precheck|schema|relay|full|incr|release|switch|verify|convert)/ ]] &&
        report "$file:$line: start must not include $include"
done < <(grep -rnoP --include='*.[ch]' '^#include "\K[^"]+' workers/start)

# A stage knows mysql/, convert/ and the frame, not another stage; incremental reads what the relay wrote.
for stage in precheck schema relay full incr release switch verify; do
    [[ -d workers/$stage ]] || continue
    while IFS=: read -r file line include; do
        [[ $include =~ ^workers/(precheck|schema|relay|full|incr|release|start|switch|verify)/ ]] || continue
        [[ $include == workers/start/* && $stage =~ ^(relay|incr|switch)$ ]] && continue
        # the switchover looks through the stream for writes, and at grants, as those two do
        [[ $stage == switch && $include =~ ^workers/(incr/scan|precheck/grants)\.h$ ]] && continue
        [[ $include == workers/$stage/* || ($stage == incr && $include == workers/relay/segment.h) ]] ||
            report "$file:$line: stage $stage must not include $include"
    done < <(grep -rnoP --include='*.[ch]' '^#include "\K[^"]+' workers/$stage)
done

while IFS= read -r hit; do report "$hit: only the data plane includes libmariadb's header"; done \
    < <(grep -rnl --include='*.[ch]' '<mysql\.h>\|<mysqld_error\.h>' base store notify flow api server cli)
while IFS= read -r hit; do report "$hit: only store/ writes SQL for SQLite"; done \
    < <(grep -rnl --include='*.[ch]' '<sqlite3\.h>' base notify flow api server cli workers)
exit $bad
