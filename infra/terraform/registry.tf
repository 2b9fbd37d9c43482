# Image repositories, and the role of the continuous integration that pushes to them.
locals {
  ci = var.ci_oidc_provider_arn == null ? [] : ["ci"]
  repository_arns = [
    for name in sort(var.repositories) :
    "arn:${data.aws_partition.current.partition}:ecr:${var.region}:${data.aws_caller_identity.current.account_id}:repository/${var.prefix}/${name}"
  ]
}

resource "aws_ecr_repository" "this" {
  for_each             = var.repositories
  name                 = "${var.prefix}/${each.key}"
  image_tag_mutability = "IMMUTABLE"
  image_scanning_configuration {
    scan_on_push = true
  }
  encryption_configuration {
    encryption_type = var.kms_key_arn == null ? "AES256" : "KMS"
    kms_key         = var.kms_key_arn
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each   = aws_ecr_repository.this
  repository = each.value.name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "What no tag names"
      selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 14 }
      action       = { type = "expire" }
    }]
  })
}

data "aws_iam_policy_document" "ci_assume" {
  for_each = toset(local.ci)
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [var.ci_oidc_provider_arn]
    }
    condition {
      test     = "StringEquals"
      variable = "${local.ci_oidc}:sub"
      values   = var.ci_subjects
    }
    condition {
      test     = "StringEquals"
      variable = "${local.ci_oidc}:aud"
      values   = [var.ci_audience]
    }
  }
}

data "aws_iam_policy_document" "ci" {
  for_each = toset(local.ci)
  statement {
    sid       = "LogIn"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # the action knows no resource
  }
  dynamic "statement" {
    for_each = length(local.repository_arns) == 0 ? [] : [local.repository_arns]
    content {
      sid = "Push"
      actions = [
        "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages",
        "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
      ]
      resources = statement.value
    }
  }
}

resource "aws_iam_role" "ci" {
  for_each             = toset(local.ci)
  name                 = "${var.prefix}-ci"
  description          = "Lobule: pushes images"
  assume_role_policy   = data.aws_iam_policy_document.ci_assume[each.key].json
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy" "ci" {
  for_each = aws_iam_role.ci
  name     = "rights"
  role     = each.value.id
  policy   = data.aws_iam_policy_document.ci[each.key].json
}
