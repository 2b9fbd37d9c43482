#!/bin/sh
# Starts the tracking server for a team: runs and registry in PostgreSQL, artifacts in S3 through the server, users with passwords.
#
#   MLFLOW_BACKEND_STORE_URI         postgresql+psycopg2://USER:PASSWORD@HOST:5432/DATABASE   runs, registry, ledger and users
#   MLFLOW_ARTIFACTS_DESTINATION     s3://BUCKET/PREFIX   only the server has the bucket's credentials (AWS_*, AWS_ENDPOINT_URL_S3)
#   MLFLOW_AUTH_ADMIN_PASSWORD       of the user "admin", at the first start; 12 characters or more
#   MLFLOW_FLASK_SERVER_SECRET_KEY   any long random text, the same for every replica: it signs the forms of the pages
#   MLFLOW_SERVER_ALLOWED_HOSTS      names that clients call the server by, e.g. "mlflow:*,mlflow.example.org"; default: this machine
#   MLFLOW_HOST, MLFLOW_PORT, MLFLOW_WORKERS   default 0.0.0.0, 5000, 2
#   LOBULE_MLFLOW_PERMISSION         what a user may do with what others made: READ, EDIT (default) or NO_PERMISSIONS
#
# EDIT lets every member train, promote and write the ledger; to delete takes MANAGE, which has who made a thing, and the admin.
# Users are made by the admin:
#   curl -u admin:PASSWORD -H 'Content-Type: application/json' -d '{"username": "ann", "password": "..."}' \
#     http://mlflow:5000/api/2.0/mlflow/users/create
# and say who they are by MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD beside MLFLOW_TRACKING_URI=http://mlflow:5000.
set -eu

for name in MLFLOW_BACKEND_STORE_URI MLFLOW_ARTIFACTS_DESTINATION MLFLOW_AUTH_ADMIN_PASSWORD MLFLOW_FLASK_SERVER_SECRET_KEY; do
  eval "value=\${$name:-}"
  [ -n "$value" ] || { echo "mlflow/serve.sh: $name must be set; see the top of this file" >&2; exit 2; }
done

umask 077
settings=$(mktemp -d)
cat > "$settings/basic_auth.ini" <<INI
[mlflow]
default_permission = ${LOBULE_MLFLOW_PERMISSION:-EDIT}
database_uri = $(printf %s "$MLFLOW_BACKEND_STORE_URI" | sed 's/%/%%/g')
admin_username = admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
grant_default_workspace_access = false
auth_cache_ttl_seconds = 60
INI
export MLFLOW_AUTH_CONFIG_PATH="$settings/basic_auth.ini"
export MLFLOW_DISABLE_TELEMETRY=true
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION="${MLFLOW_SERVER_ENABLE_JOB_EXECUTION:-false}" # seven processes that Lobule does not use

# The schema is made and upgraded here, before several workers would do so at once.
python -m mlflow db upgrade "$MLFLOW_BACKEND_STORE_URI"
exec python -m mlflow server --app-name basic-auth --serve-artifacts \
  --host "${MLFLOW_HOST:-0.0.0.0}" --port "${MLFLOW_PORT:-5000}" --workers "${MLFLOW_WORKERS:-2}"
