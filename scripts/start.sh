#!/bin/sh
# npm start: gets what is missing, then runs the default matrix. Arguments go to `loadbase run`.
cd "$(dirname "$0")/.." || exit 3
sh scripts/setup.sh || exit
exec node bin/loadbase.js run "$@"
