#!/bin/sh
# Sends a document, asks about it twice, as JSON and as events, and verifies the answer.
#
#     sh ask.sh http://localhost:8000
#
# Where the server asks for a key, it is taken from API_KEY.
set -eu

base=${1:-http://localhost:8000}
question='{"question": "At what hour does the ferry of Torval sail?"}'
key=${API_KEY:-none}

call() {
    curl --silent --show-error --fail-with-body --header 'Content-Type: application/json' \
        --header "Authorization: Bearer $key" "$@"
    echo
}

# The value of a field that is a text; a script that does more would use jq.
field() {
    printf '%s\n' "$2" | sed "s/^[^}]*\"$1\":\"\([^\"]*\)\".*/\1/"
}

is_under_way() {
    case $1 in
    *'"state":"queued"'* | *'"state":"running"'*) ;;
    *) return 1 ;;
    esac
}

job=$(call "$base/v1/documents" --data '{
    "uri": "examples/ferry",
    "text": "The ferry of Torval sails at nine from Monday, the harbour master said. It carries forty cars.",
    "title": "New hours of the ferry",
    "publisher": "Harbour Gazette",
    "published": "2025-02-06"
}')
while is_under_way "$job"; do
    sleep 0.2
    job=$(call "$base/v1/jobs/$(field job_id "$job")")
done
printf '%s\n' "$job"

answer=$(call "$base/v1/ask" --data "$question")
printf '%s\n' "$answer"
call "$base/v1/ask" --no-buffer --header 'Accept: text/event-stream' --data "$question"
call "$base/v1/verify" --data "{\"answer_id\": \"$(field id "$answer")\"}"
