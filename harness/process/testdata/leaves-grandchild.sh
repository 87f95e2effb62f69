#!/bin/sh
# Ends at once and leaves a grandchild that holds standard output and standard error open.
sleep 600 &
echo "grandchild $!"
exit 3
