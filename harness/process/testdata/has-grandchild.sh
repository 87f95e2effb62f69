#!/bin/sh
# Starts a grandchild, says its number on standard error, and waits for it.
sleep 600 &
echo "grandchild $!" >&2
wait
