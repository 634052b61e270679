#!/bin/sh
test "$POSTERN_MUTANT" = off
