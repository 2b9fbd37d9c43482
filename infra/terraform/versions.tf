# Buckets, roles and image repositories on AWS. Neither a cluster nor a database is made here: bring yours.
#
#   terraform init && terraform apply -var prefix=clinic-lobule -var cluster_oidc_provider_arn=arn:aws:iam::...:oidc-provider/...
#
# State is kept where you say: add a backend block of your own. No lock file of providers is kept with the code, because one holds the
# checksums of the platforms that it was made on alone: make yours with `terraform providers lock -platform=...` for those that you use.
terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  region = var.region
  default_tags {
    tags = merge({ application = "lobule" }, var.tags)
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}
