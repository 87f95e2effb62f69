#!/bin/sh
# Prints without end.
exec yes 'a line of a flood that does not end'
