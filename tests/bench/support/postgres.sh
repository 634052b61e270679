# Sourced: a PostgreSQL server of a benchmark's own, in $work.

# start_postgres: sets $conninfo
start_postgres() {
  local as=()
  postgres_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
  # PostgreSQL refuses root.
  if ((EUID == 0)); then
    as=(runuser -u postgres --)
    chown postgres "$work"
  fi
  (
    cd /
    "${as[@]}" "$postgres_bin/initdb" -D "$work/postgres" -U postgres -A trust -E UTF8 --locale C
    "${as[@]}" "$postgres_bin/pg_ctl" -D "$work/postgres" -w -l "$work/postgres.log" \
      -o "-k $work -c listen_addresses= -c shared_buffers=256MB -c max_wal_size=4GB" start
  ) >/dev/null
  conninfo="host=$work user=postgres dbname=postgres"
}

# stop_postgres: as a crash would; what it held is thrown away
stop_postgres() {
  local as=()
  if ((EUID == 0)); then as=(runuser -u postgres --); fi
  (cd / && "${as[@]}" "$postgres_bin/pg_ctl" -D "$work/postgres" -m immediate stop) >/dev/null || true
}
