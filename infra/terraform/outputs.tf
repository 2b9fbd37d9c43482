output "buckets" {
  description = "Names of the buckets: data for s3:// sources, artifacts for MLFLOW_ARTIFACTS_DESTINATION, pipelines for the pipeline root."
  value       = { for name, bucket in aws_s3_bucket.this : name => bucket.id }
}

output "roles" {
  description = "Roles for the annotation eks.amazonaws.com/role-arn of service accounts: training, serving, tracking."
  value       = { for name, role in aws_iam_role.cluster : name => role.arn }
}

output "ci_role" {
  description = "Role that continuous integration takes to push images; null without one."
  value       = one([for role in aws_iam_role.ci : role.arn])
}

output "image_prefix" {
  description = "LOBULE_IMAGE_PREFIX of the machine that compiles pipelines; null without repositories."
  value       = one(distinct([for name, repository in aws_ecr_repository.this : trimsuffix(repository.repository_url, name)]))
}
