#!/bin/sh
# Gets everything that loadbase needs, from Debian's and npm's own tools, and only what is missing. Says what it does
# on standard error. Run again, it does nothing, needs no network and takes less than a second.
# Ends with 0, or with 3 after saying what to do.
set -u

root=$(cd "$(dirname "$0")/.." && pwd) || exit 3
cd "$root" || exit 3
log=
did=

say() { printf 'set-up: %s\n' "$*" >&2; }

# die REASON NEXT-STEP
die() {
  printf 'set-up: error: %s\n        next: %s\n' "$1" "$2" >&2
  exit 3
}

cleanup() { if [ -n "$log" ]; then rm -f "$log"; fi; }
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# step TITLE TYPICAL-TIME COMMAND…: its output is shown only where it fails.
step() {
  title=$1
  did="$did$title "
  say "$title (usually $2)"
  shift 2
  if [ -z "$log" ]; then
    log=$(mktemp) || die 'no temporary file can be made' 'make room in /tmp, or point TMPDIR elsewhere'
  fi
  started=$(date +%s)
  "$@" >"$log" 2>&1 </dev/null
  status=$?
  if [ "$status" -ne 0 ]; then tail -n 30 "$log" >&2; else say "  done in $(($(date +%s) - started)) s"; fi
  return "$status"
}

# Two set-ups of one checkout follow each other. A lock on a file that is there anyway: none is left behind.
lock() {
  exec 9<package.json || die 'package.json is not readable' 'check the checkout out anew'
  command -v flock >/dev/null || die 'flock is not installed' 'apt-get install util-linux'
  flock -n 9 && return
  say 'another set-up is at work in this checkout; waiting for it'
  flock 9 || die 'package.json cannot be locked' 'move the checkout to a local file system'
}

check_node() {
  next='install Node 20.12 or newer with npm, from nodejs.org or your distribution'
  for program in node npm; do command -v $program >/dev/null || die "$program is not on PATH" "$next"; done
  version=$(node --version)
  numbers=${version#v}
  major=${numbers%%.*}
  minor=${numbers#*.}
  minor=${minor%%.*}
  [ "$major" -gt 20 ] || { [ "$major" -eq 20 ] && [ "$minor" -ge 12 ]; } ||
    die "node is $version" "$next"
}

# Sets $missing.
find_missing_packages() {
  wanted=
  while read -r package _; do
    case $package in '' | '#'*) ;; *) wanted="$wanted $package" ;; esac
  done <scripts/debian-packages.txt
  # shellcheck disable=SC2016,SC2086 # dpkg's own variables; one word a package
  states=$(dpkg-query -W -f '|${Package} ${db:Status-Status}|' $wanted 2>/dev/null)
  missing=
  for package in $wanted; do
    case $states in *"|$package installed|"*) ;; *) missing="$missing $package" ;; esac
  done
}

# as_root COMMAND…
as_root() {
  case $privilege in
    root) "$@" ;;
    sudo) sudo -n "$@" ;;
  esac
}

install_packages() {
  # A list that cannot be refreshed may still be good enough.
  as_root apt-get -q -o DPkg::Lock::Timeout=300 update || echo 'apt-get update failed; trying with the lists at hand'
  # shellcheck disable=SC2086 # one word a package
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
    install --no-install-recommends $missing
}

debian_packages() {
  for program in apt-get dpkg-query; do
    command -v $program >/dev/null ||
      die "this is no Debian: $program is missing" 'use Debian 12 or newer, or a container of it'
  done
  find_missing_packages
  [ -n "$missing" ] || return 0
  by_hand="sudo apt-get update && sudo apt-get install --no-install-recommends$missing"
  if [ "$(id -u)" -eq 0 ]; then
    privilege=root
  elif sudo -n true 2>/dev/null; then
    privilege=sudo
  elif [ -t 0 ] && command -v sudo >/dev/null; then
    say "Debian packages are missing:$missing"
    say 'sudo asks for your password to install them'
    sudo -v || die 'sudo refused' "$by_hand"
    privilege=sudo
  else
    die "Debian packages are missing, and there is no way to become root:$missing" "$by_hand"
  fi
  step "installing Debian packages:$missing" '1 min' install_packages ||
    die 'apt-get could not install them (its last lines are above)' "check the network, then: $by_hand"
  find_missing_packages
  [ -z "$missing" ] || die "apt-get installed no$missing" "$by_hand"
}

node_modules() {
  digest=$(sha256sum package-lock.json) || die 'package-lock.json is not readable' 'check the checkout out anew'
  stamp=node_modules/.loadbase-setup
  have=
  if [ -f "$stamp" ]; then read -r have <"$stamp"; fi
  [ "$have" != "${digest%% *}" ] || return 0
  # --include=dev: NODE_ENV=production would leave out what compiles and tests.
  step 'installing npm packages (npm ci)' '15 s' \
    npm ci --include=dev --prefer-offline --no-audit --no-fund --no-progress ||
    die 'npm ci failed (its last lines are above)' 'check the network and the npm registry settings, then run this again'
  printf '%s\n' "${digest%% *}" >"$stamp"
}

# A folder is newer where a file was added to it or taken out of it.
compiled() {
  [ -f dist/.loadbase-setup ] &&
    [ -z "$(find harness scenarios package.json tsconfig.json tsconfig.build.json node_modules/.loadbase-setup \
      -newer dist/.loadbase-setup \( -type d -o -name '*.ts' -o -name '*.json' -o -name .loadbase-setup \) \
      -print -quit)" ]
}

# What was compiled from a source that is gone would still be found.
remove_stale() {
  find dist/harness dist/scenarios -name '*.js' 2>/dev/null | while read -r file; do
    source=${file#dist/}
    [ -f "${source%.js}.ts" ] || rm -f "$file" "$file.map"
  done
}

compile() {
  if compiled; then return 0; fi
  mkdir -p dist || die 'dist cannot be made' 'make the checkout writable'
  # Dated before the compiler reads its first file, so that an edit meanwhile counts.
  : >dist/.loadbase-setup.new
  step 'compiling' '6 s' npm run --silent compile ||
    die 'the sources do not compile (the errors are above)' 'npm run check:types'
  remove_stale
  mv dist/.loadbase-setup.new dist/.loadbase-setup
}

check_node
lock
debian_packages
node_modules
compile
# Says itself what it builds and how long that takes: GRUB and Xen about 50 s each, the first time.
node bin/loadbase.js build --if-needed >&2 </dev/null 9<&- ||
  die 'GRUB or Xen could not be built (the reason is above)' 'node bin/loadbase.js doctor'
if [ -z "$did" ]; then say 'all is there'; else say 'done'; fi
