# Who may do what, by bucket. Nobody may change a bucket's settings, and no role can become another.
locals {
  read  = ["s3:GetObject"]
  write = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
  rights = {
    training = { data = local.read, pipelines = concat(local.read, local.write) }
    serving  = { artifacts = local.read } # for services that fetch models past the tracking server; ours need nothing
    tracking = { artifacts = concat(local.read, local.write, ["s3:DeleteObject"]) }
  }
  cluster_roles = var.cluster_oidc_provider_arn == null ? {} : local.rights
  cluster_oidc  = try(split("oidc-provider/", var.cluster_oidc_provider_arn)[1], "")
  ci_oidc       = try(split("oidc-provider/", var.ci_oidc_provider_arn)[1], "")
}

data "aws_iam_policy_document" "assume" {
  for_each = local.cluster_roles
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [var.cluster_oidc_provider_arn]
    }
    condition {
      test     = "StringEquals"
      variable = "${local.cluster_oidc}:sub"
      values   = [for name in var.service_accounts[each.key] : "system:serviceaccount:${name}"]
    }
    condition {
      test     = "StringEquals"
      variable = "${local.cluster_oidc}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "rights" {
  for_each = local.cluster_roles
  dynamic "statement" {
    for_each = each.value
    content {
      sid       = "${title(statement.key)}Objects"
      actions   = statement.value
      resources = ["${local.bucket_arn[statement.key]}/*"]
    }
  }
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [for name in keys(each.value) : local.bucket_arn[name]]
  }
  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]
    content {
      sid       = "Key"
      actions   = concat(["kms:Decrypt"], contains(flatten(values(each.value)), "s3:PutObject") ? ["kms:GenerateDataKey"] : [])
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role" "cluster" {
  for_each             = local.cluster_roles
  name                 = "${var.prefix}-${each.key}"
  description          = "Lobule: ${each.key}"
  assume_role_policy   = data.aws_iam_policy_document.assume[each.key].json
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy" "cluster" {
  for_each = aws_iam_role.cluster
  name     = "rights"
  role     = each.value.id
  policy   = data.aws_iam_policy_document.rights[each.key].json
}
