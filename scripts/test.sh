#!/bin/sh
# npm test: gets what is missing, then runs every check, to the end even where one fails; `npm test -- lint unit` runs
# these alone. Each check ends with a line `check NAME: passed in N s` or `check NAME: FAILED …`, which .ci/run counts.
# Ends with 0, 1 where a check failed, 2 for a name that is no check, 3 where the set-up failed.
cd "$(dirname "$0")/.." || exit 3

all='format lint types imports unit e2e'

script_of() {
  case $1 in
    format | lint | types | imports) echo "check:$1" ;;
    unit | e2e) echo "test:$1" ;;
    *)
      echo "no check is called $1; there are: $all" >&2
      return 2
      ;;
  esac
}

checks=${*:-$all}
for name in $checks; do script_of "$name" >/dev/null || exit; done
sh scripts/setup.sh || exit

failed=
for name in $checks; do
  printf '\n== %s ==\n' "$name"
  started=$(date +%s)
  npm run --silent "$(script_of "$name")" </dev/null
  status=$?
  seconds=$(($(date +%s) - started))
  # 130: interrupted. The checks after it would be too.
  if [ "$status" -eq 130 ]; then exit 130; fi
  if [ "$status" -eq 0 ]; then
    echo "check $name: passed in $seconds s"
  else
    echo "check $name: FAILED (exit code $status) after $seconds s"
    failed="$failed $name"
  fi
done

if [ -n "$failed" ]; then
  printf '\nfailed:%s; again alone: npm test --%s\n' "$failed" "$failed"
  exit 1
fi
printf '\nall checks passed\n'
