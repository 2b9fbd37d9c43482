#!/bin/sh
# Prints the secrets of the overlay with passwords drawn anew: `secrets.sh [NAMESPACE]`, the namespace being that of the pipelines' pods,
# for `lobule submit --secret lobule`. Who tries it out is alone, so that all come to the tracking server as its admin; on a shared cluster
# they are users of their own.
set -eu

drawn() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }
database=$(drawn) store=$(drawn) admin=$(drawn)

secret() { # NAMESPACE NAME, then KEY=VALUE ...
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: %s}\nstringData:\n' "$2" "$1"
  shift 2
  for pair in "$@"; do printf '  %s: "%s"\n' "${pair%%=*}" "${pair#*=}"; done
}

secret lobule database "POSTGRES_PASSWORD=$database"
secret lobule store MINIO_ROOT_USER=lobule "MINIO_ROOT_PASSWORD=$store"
secret lobule mlflow \
  "MLFLOW_BACKEND_STORE_URI=postgresql+psycopg2://mlflow:$database@database:5432/mlflow" \
  MLFLOW_ARTIFACTS_DESTINATION=s3://mlflow/artifacts \
  "MLFLOW_AUTH_ADMIN_PASSWORD=$admin" \
  "MLFLOW_FLASK_SERVER_SECRET_KEY=$(drawn)" \
  AWS_ENDPOINT_URL_S3=http://store:9000 \
  AWS_DEFAULT_REGION=us-east-1 \
  AWS_ACCESS_KEY_ID=lobule \
  "AWS_SECRET_ACCESS_KEY=$store"
secret lobule serve MLFLOW_TRACKING_USERNAME=admin "MLFLOW_TRACKING_PASSWORD=$admin" "LOBULE_API_KEYS=$(drawn)"
secret lobule monitor MLFLOW_TRACKING_USERNAME=admin "MLFLOW_TRACKING_PASSWORD=$admin"
[ $# -eq 0 ] || secret "$1" lobule \
  MLFLOW_TRACKING_USERNAME=admin \
  "MLFLOW_TRACKING_PASSWORD=$admin" \
  "LOBULE_OPTUNA_STORAGE=postgresql+psycopg2://mlflow:$database@database.lobule:5432/optuna"
