#!/usr/bin/env bash
# Clause: W8
exit 0
