variable "prefix" {
  description = "First part of all names. Names of buckets are taken worldwide, so let it name you."
  type        = string
  default     = "lobule"
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,39}$", var.prefix))
    error_message = "prefix must be 2 to 40 lower-case letters, digits and hyphens, for example clinic-lobule."
  }
}

variable "region" {
  description = "Region of everything."
  type        = string
  default     = "eu-central-1"
}

variable "tags" {
  description = "Tags of everything, beside application = lobule."
  type        = map(string)
  default     = {}
}

variable "kms_key_arn" {
  description = "Key that buckets and repositories are encrypted with; null takes the store's own (AES-256)."
  type        = string
  default     = null
}

variable "pipeline_days" {
  description = "Days after which what tasks of a pipeline hand to each other is deleted. Models and reports are kept by MLflow."
  type        = number
  default     = 90
}

variable "old_version_days" {
  description = "Days that a deleted or overwritten object can still be brought back."
  type        = number
  default     = 30
}

variable "cluster_oidc_provider_arn" {
  description = "OpenID Connect provider of the cluster, whose service accounts take the roles; null makes no roles for a cluster."
  type        = string
  default     = null
}

variable "service_accounts" {
  description = "Who takes which role: namespace:name of service accounts. Pods of Kubeflow Pipelines run as the training ones."
  type        = object({ training = list(string), serving = list(string), tracking = list(string) })
  default = {
    training = ["kubeflow:pipeline-runner"]
    serving  = ["lobule:serve"]
    tracking = ["lobule:mlflow"]
  }
  validation {
    condition     = alltrue([for name in flatten(values(var.service_accounts)) : can(regex("^[a-z0-9-]+:[a-z0-9.-]+$", name))])
    error_message = "service_accounts must be namespace:name without wildcards, for example lobule:mlflow."
  }
}

variable "repositories" {
  description = "Images that get a repository; [] makes none."
  type        = set(string)
  default     = ["lobule-train", "lobule-serve", "lobule-mlflow"]
}

variable "ci_oidc_provider_arn" {
  description = "OpenID Connect provider of the continuous integration that pushes images; null makes no role for it."
  type        = string
  default     = null
}

variable "ci_subjects" {
  description = "Subjects of its tokens that may push, in full, for example repo:clinic/lobule:ref:refs/heads/main."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for subject in var.ci_subjects : !strcontains(subject, "*")])
    error_message = "ci_subjects must be whole subjects; a wildcard lets others push."
  }
  validation {
    condition     = var.ci_oidc_provider_arn == null || length(var.ci_subjects) > 0
    error_message = "ci_subjects must name who may push where ci_oidc_provider_arn is set, for example repo:clinic/lobule:ref:refs/heads/main."
  }
}

variable "ci_audience" {
  description = "Audience of its tokens."
  type        = string
  default     = "sts.amazonaws.com"
}

variable "permissions_boundary_arn" {
  description = "Policy that bounds every role, where your account asks for one."
  type        = string
  default     = null
}
