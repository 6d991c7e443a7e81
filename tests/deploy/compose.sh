#!/usr/bin/env bash
# docker-compose.yml, tried for real: Kafka, weft and the shop come up, lists are printed, three
# instances share the visitors, one goes on alone, all stop cleanly. About a minute and a half.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

passed=0
failed=0

check() { # what, command...
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok      $what"
    else
        failed=$((failed + 1))
        echo "FAILED  $what"
    fi
}

within() { # seconds, command...
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $until ] || return 1
        sleep 1
    done
}

free_port() {
    local port
    while port=$((20000 + RANDOM % 10000)); do
        (exec 3<> "/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

if ! docker compose version >/dev/null 2>&1 || ! docker info >/dev/null 2>&1; then
    echo "left out: there is no docker engine with compose"
    echo "0 passed, 0 failed"
    exit 0
fi

project=weft-test-$$
KAFKA_PORT=$(free_port)
export KAFKA_PORT
compose() { docker compose -p "$project" --profile shop --profile kcat "$@"; }
logs() { compose logs --no-color --no-log-prefix "$@" 2>/dev/null; }
trap 'compose down --volumes --timeout 10 >/dev/null 2>&1' EXIT

lists() { logs kcat | grep -c '"lists":\[{"placement"'; }
lists_from() { [ "$(lists)" -ge "$1" ]; }
containers() { compose ps -aq weft; }

# How many partitions each running instance has, one number a line.
shares() {
    local id
    for id in $(compose ps -q weft); do
        docker logs "$id" 2>&1 | sed -n 's/.* \([0-9]*\) partitions assigned$/\1/p' | tail -n 1
    done
}
shared_by() { # instances
    shares | awk -v wanted="$1" '$1 > 0 {n++; sum += $1} END {exit !(n == wanted && sum == 12)}'
}

good_configuration() { compose run --rm --no-deps -T weft check --config "$1" >/dev/null 2>&1; }

visitor_has_list() {
    local visitor
    visitor=$(logs kcat | sed -n 's/^\([^ ]*\) {.*"item_id".*/\1/p' | tail -n 1)
    [ -n "$visitor" ] && # the first lists are empty: nothing is known yet
        compose exec -T weft weft get visitor "$visitor" --config /etc/weft/compose.properties |
        grep "^visitor $visitor" >/dev/null # all of it: pipefail
}

ended_well() { # service
    local id
    for id in $(compose ps -aq "$1"); do
        [ "$(docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$id")" = "exited 0" ] ||
            return 1
    done
}

never_restarted() {
    local id
    for id in $(containers); do
        [ "$(docker inspect -f '{{.RestartCount}}' "$id")" = 0 ] || return 1
    done
}

said_stop() {
    local id
    for id in $(containers); do
        docker logs "$id" 2>&1 | tail -n 1 | grep '"event":"stop".*"aborts":0,' >/dev/null ||
            return 1
    done
}

# Events in the topics, and events whose effect was committed, by all instances there ever were.
sent() {
    compose exec -T kafka /opt/kafka/bin/kafka-get-offsets.sh --bootstrap-server localhost:9092 \
        --topic '(events\..*|users)' 2>/dev/null | awk -F: '{n += $3} END {print n + 0}'
}
taken() {
    local id
    for id in $(containers); do
        docker logs "$id" 2>&1 | tail -n 1 | sed -n 's/.*"read":\([0-9]*\),.*/\1/p'
    done | awk '{n += $1} END {print n + 0}'
}
each_taken_once() {
    local sent taken
    sent=$(sent)
    taken=$(taken)
    [ "$sent" -gt 0 ] && [ "$sent" = "$taken" ] && return
    echo "        $sent events, $taken taken"
    return 1
}

compose build >/dev/null 2>&1
check "the image is built" [ $? = 0 ]
for file in deploy/*.properties; do
    check "$file is a good configuration" good_configuration "/etc/weft/${file##*/}"
done

compose up -d --no-build >/dev/null 2>&1
check "Kafka, weft, the shop and kcat start" [ $? = 0 ]
check "one instance has all partitions" within 40 shared_by 1
check "kcat prints lists" within 30 lists_from 100
check "weft get shows a visitor's lists" within 20 visitor_has_list

compose up -d --no-build --no-recreate --scale weft=3 >/dev/null 2>&1
check "three instances share the partitions" within 40 shared_by 3
check "and lists go on" within 20 lists_from $(($(lists) + 100))

for id in $(compose ps -q weft | tail -n 2); do
    docker stop -t 20 "$id" >/dev/null
done
check "one goes on alone with all of them" within 40 shared_by 1
check "and lists go on" within 20 lists_from $(($(lists) + 100))

compose stop shop >/dev/null 2>&1
sleep 2 # what it sent last is taken
compose stop weft >/dev/null 2>&1
check "the shop ends with 0" ended_well shop
check "weft ends with 0" ended_well weft
check "what was begun was committed" said_stop
check "each event was taken once, by whatever instance" each_taken_once
check "no instance had to be restarted" never_restarted

if [ "$failed" -gt 0 ]; then
    echo "what weft and the shop said:"
    compose logs --no-color shop weft 2>/dev/null |
        grep -E ' (WARN|ERROR) |weft [a-z]+: ' | head -n 30
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
