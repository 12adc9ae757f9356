#!/usr/bin/env bash
# Runs a stage of the tests, says at its end how many seconds it took, and keeps that for the table.
#   scripts/stage.sh run NAME COMMAND …   runs a stage; with STAGES_QUIET its output is shown once it is over: the last lines, or
#                                         all of it if the stage failed, so that stages can run side by side
#   scripts/stage.sh table                what took how long, in the order in which the stages ended
#   scripts/stage.sh clear                forgets earlier runs
set -uo pipefail
cd "$(dirname "$0")/.."
kept=.build/stages

seconds_since() { awk -v began="$1" -v now="$EPOCHREALTIME" 'BEGIN { printf "%.0f", now - began }'; }

run() {
    local name=$1 began=$EPOCHREALTIME status=0 verdict=passed seconds
    shift
    mkdir -p "$kept"
    echo "==> $name begins"
    if [[ -n ${STAGES_QUIET:-} ]]; then
        "$@" >"$kept/$name.log" 2>&1 </dev/null || status=$?
    else
        "$@" || status=$?
    fi
    seconds=$(seconds_since "$began")
    ((status == 0)) || verdict="FAILED with $status"
    # One line each, so several stages can add theirs at once.
    printf '%s\t%s\t%s\n' "$name" "$seconds" "$verdict" >>"$kept/times"
    {
        # The output of one stage stands together.
        flock 9
        if [[ -n ${STAGES_QUIET:-} ]]; then
            if ((status == 0)); then
                tail -n 4 "$kept/$name.log" | sed 's/^/    /'
            else
                echo "==> $name, all that it printed:"
                cat "$kept/$name.log"
            fi
        fi
        echo "==> $name: $verdict, $seconds s"
    } 9>"$kept/lock"
    return "$status"
}

table() {
    [[ -f $kept/times ]] || return 0
    echo "==> Seconds of each stage (they run side by side)"
    awk -F '\t' '{ printf "    %-20s %5d  %s\n", $1, $2, $3 }' "$kept/times"
}

case ${1:-} in
run) shift && run "$@" ;;
table) table ;;
clear) rm -rf "$kept" ;;
*) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
