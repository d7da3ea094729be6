#!/bin/sh
# Makes what compose.yaml expects on the machine, as root: secrets, settings to fill in, folders.
# Touches nothing that is there already, so that it can be run again at any time.
#
#   CONFIG_DIR=/etc/kursdocs DATA_DIR=/srv/kursdocs infra/prepare.sh
set -eu
umask 077

here=$(cd "$(dirname "$0")" && pwd)
config=${CONFIG_DIR:-/etc/kursdocs}
data=${DATA_DIR:-/srv/kursdocs}
secrets=$config/secrets

# The users inside the containers, as in compose.yaml and Dockerfile. PostgreSQL's comes with its image.
kursdocs=10001 caddy=10002 seaweedfs=10003 postgres=999

is_root() { [ "$(id -u)" -eq 0 ]; }
is_root || echo "Not root: files keep your own user, so the containers cannot read them." >&2
belongs_to() { ! is_root || chown "$1:$1" "$2"; }

# secret NAME OWNER: what comes in becomes a file that its owner alone can read.
secret() {
  temporary=$secrets/.$1.new
  cat >"$temporary"
  chmod 400 "$temporary"
  belongs_to "$2" "$temporary"
  mv "$temporary" "$secrets/$1"
}
missing() { [ ! -e "$secrets/$1" ]; }
random() { head -c "$1" /dev/urandom | base64 | tr -d '\n=' | tr '+/' '-_'; }

hex() { head -c "$1" /dev/urandom | od -An -tx1 | tr -d ' \n'; }

folder() {
  [ -d "$1" ] || mkdir -p "$1"
  chmod "$2" "$1"
}
# Everybody may enter the folder; each file in it belongs to one container alone.
folder "$config" 755
folder "$config/town" 755
folder "$secrets" 711
folder "$data" 755

# A folder of its own: 'kursdocs keys rotate' puts a new file into the place of the old one.
master=$config/master
folder "$master" 700
belongs_to $kursdocs "$master"
if [ ! -e "$master/keys" ]; then
  # One line ID:BASE64, as 'kursdocs master-key' writes it.
  printf 'k-%s:%s\n' "$(hex 4)" "$(head -c 32 /dev/urandom | base64)" >"$master/.keys.new"
  chmod 400 "$master/.keys.new"
  belongs_to $kursdocs "$master/.keys.new"
  mv "$master/.keys.new" "$master/keys"
  echo "Made $master/keys. Keep a copy in a safe place, apart from all backups:"
  echo "without it every stored document is lost."
fi

# The passwords of one PostgreSQL: made together, because two users need each in their own form.
if missing pgpass; then
  main=$(random 24) keys=$(random 24) filer=$(random 24)
  random 24 | secret postgres-password $postgres
  printf '%s' "$main" | secret postgres-password-main $postgres
  printf '%s' "$keys" | secret postgres-password-keys $postgres
  printf '%s' "$filer" | secret postgres-password-filer $postgres
  secret seaweedfs-filer $seaweedfs <<TOML
[leveldb2]
enabled = false

[postgres2]
enabled = true
hostname = "postgres"
port = 5432
username = "filer"
password = "$filer"
database = "filer"
sslmode = "disable"
connection_max_idle = 10
connection_max_open = 30
createTable = """
  CREATE TABLE IF NOT EXISTS "%s" (
    dirhash BIGINT, name VARCHAR(65535), directory VARCHAR(65535), meta bytea,
    PRIMARY KEY (dirhash, name)
  );
"""
enableUpsert = true
upsertQuery = """
  INSERT INTO "%[1]s" (dirhash, name, directory, meta) VALUES (\$1, \$2, \$3, \$4)
  ON CONFLICT (dirhash, name) DO UPDATE SET directory = EXCLUDED.directory, meta = EXCLUDED.meta
"""
TOML
  printf '*:*:kursdocs:kursdocs:%s\n*:*:keys:keys:%s\n' "$main" "$keys" | secret pgpass $kursdocs
fi

if missing s3-secret-key; then
  key=$(random 32)
  secret seaweedfs-s3 $seaweedfs <<JSON
{"identities": [{
  "name": "kursdocs",
  "credentials": [{"accessKey": "kursdocs", "secretKey": "$key"}],
  "actions": ["Read:kursdocs", "Write:kursdocs", "List:kursdocs"]
}]}
JSON
  printf '%s' "$key" | secret s3-secret-key $kursdocs
fi

# For whoever collects the metrics of the web processes.
! missing metrics-token || hex 24 | secret metrics-token $kursdocs

# Empty as long as the mail server asks for no password.
! missing smtp-password || secret smtp-password $kursdocs </dev/null

if [ ! -e "$config/env" ]; then
  install -m 644 "$here/env.example" "$config/env"
  echo "Fill in $config/env."
fi
if [ ! -e "$config/town/claims.toml" ]; then
  echo "# Which claims of the sign-in provider mean which role; see the README." >"$config/town/claims.toml"
  chmod 644 "$config/town/claims.toml"
  echo "Fill in $config/town/claims.toml, or give roles by 'kursdocs member add'."
fi
if missing oidc-client-secret; then
  echo "Put the client secret of the sign-in provider into $secrets/oidc-client-secret:"
  echo "  install -o $kursdocs -m 400 FILE $secrets/oidc-client-secret"
fi

own_folder() {
  folder "$1" 700
  belongs_to "$2" "$1"
}
own_folder "$data/postgres" $postgres
own_folder "$data/seaweedfs" $seaweedfs
own_folder "$data/caddy" $caddy
