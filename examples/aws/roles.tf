# The two AWS roles of Dynatus CI, and the OIDC provider through which GitHub's jobs take them.
# How to apply it, and what to set on GitHub afterwards: docs/permissions.md. The same for CloudFormation: roles.yaml.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0" # the region of the tables is the provider's
    }
  }
}

variable "repository" {
  description = "ORG/REPO. Where the repository has immutable subjects, ORG@ID/REPO@ID."
  type        = string
  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]+(@[0-9]+)?/[A-Za-z0-9_.-]+(@[0-9]+)?$", var.repository))
    error_message = "The repository must be ORG/REPO."
  }
}

variable "branch" {
  description = "The branch whose runs may apply."
  type        = string
  default     = "main"
  validation {
    condition     = can(regex("^[A-Za-z0-9_./-]+$", var.branch))
    error_message = "The branch must be the name of one branch, without wildcards."
  }
}

variable "environment" {
  description = "A GitHub environment with reviewers. Where it is set, only its jobs may apply, whatever their branch."
  type        = string
  default     = ""
  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]*$", var.environment))
    error_message = "The environment must be the name of one environment, without wildcards."
  }
}

variable "table_prefix" {
  description = "Only tables whose name begins so. Empty for all tables."
  type        = string
  default     = ""
}

variable "create_provider" {
  description = "false where the account has the OIDC provider of GitHub already. It can have one only."
  type        = bool
  default     = true
}

variable "allow_deletion" {
  description = "true where apply may back up and delete tables (a new key, or Absent true)."
  type        = bool
  default     = false
}

variable "allow_filling" {
  description = "true where apply may fill new tables (CopyFrom, RestoreFrom). It can write items then."
  type        = bool
  default     = false
}

variable "replica_regions" {
  description = "The regions of the replicas."
  type        = list(string)
  default     = []
}

variable "kms_key_arns" {
  description = "The ARNs of the KMS keys that definitions name, those of replicas too."
  type        = list(string)
  default     = []
}

variable "kinesis_stream_arns" {
  description = "The ARNs of the Kinesis data streams that definitions name."
  type        = list(string)
  default     = []
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region
  account   = data.aws_caller_identity.current.account_id

  host          = "token.actions.githubusercontent.com"
  provider      = "arn:${local.partition}:iam::${local.account}:oidc-provider/${local.host}"
  service_roles = "arn:${local.partition}:iam::${local.account}:role/aws-service-role"
  tables        = "arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.table_prefix}*"

  plan_subjects = [
    "repo:${var.repository}:pull_request",
    "repo:${var.repository}:ref:refs/heads/${var.branch}",
    "repo:${var.repository}:ref:refs/heads/gh-readonly-queue/${var.branch}/*",
  ]
  apply_subject = (
    var.environment == ""
    ? "repo:${var.repository}:ref:refs/heads/${var.branch}"
    : "repo:${var.repository}:environment:${var.environment}"
  )

  # What dynatus plan and drift read.
  read_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "ReadTables"
        Effect = "Allow"
        Action = [
          "dynamodb:DescribeBackup",
          "dynamodb:DescribeContinuousBackups",
          "dynamodb:DescribeContributorInsights",
          "dynamodb:DescribeKinesisStreamingDestination",
          "dynamodb:DescribeTable",
          "dynamodb:DescribeTimeToLive",
          "dynamodb:GetResourcePolicy",
          "dynamodb:ListTagsOfResource",
        ]
        Resource = [local.tables]
      },
      {
        Sid    = "ReadAutoScalingAndContributorInsights" # IAM cannot limit these to a table
        Effect = "Allow"
        Action = [
          "application-autoscaling:DescribeScalableTargets",
          "application-autoscaling:DescribeScalingPolicies",
          "application-autoscaling:DescribeScheduledActions",
          "dynamodb:ListContributorInsights",
        ]
        Resource = ["*"]
      },
      {
        Sid      = "ReadKeys"
        Effect   = "Allow"
        Action   = ["kms:DescribeKey"]
        Resource = ["arn:${local.partition}:kms:${local.region}:${local.account}:key/*"]
      },
      {
        Sid      = "ReadKinesisDataStreams"
        Effect   = "Allow"
        Action   = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary"]
        Resource = ["arn:${local.partition}:kinesis:${local.region}:${local.account}:stream/*"]
      },
    ]
  }

  # What dynatus apply changes. The `for` in front of a statement leaves it out where it is not needed.
  write_policy = {
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid    = "ChangeTables"
          Effect = "Allow"
          Action = [
            "dynamodb:CreateTable",
            "dynamodb:DeleteResourcePolicy",
            "dynamodb:DisableKinesisStreamingDestination",
            "dynamodb:EnableKinesisStreamingDestination",
            "dynamodb:PutResourcePolicy",
            "dynamodb:TagResource",
            "dynamodb:UntagResource",
            "dynamodb:UpdateContinuousBackups",
            "dynamodb:UpdateContributorInsights",
            "dynamodb:UpdateKinesisStreamingDestination",
            "dynamodb:UpdateTable",
            "dynamodb:UpdateTimeToLive",
          ]
          Resource = [local.tables]
        },
        {
          Sid    = "ChangeAutoScaling" # the ARN of a target does not name its table
          Effect = "Allow"
          Action = [
            "application-autoscaling:DeleteScalingPolicy",
            "application-autoscaling:DeregisterScalableTarget",
            "application-autoscaling:PutScalingPolicy",
            "application-autoscaling:RegisterScalableTarget",
          ]
          Resource = ["arn:${local.partition}:application-autoscaling:${local.region}:${local.account}:scalable-target/*"]
          Condition = {
            StringEquals = { "application-autoscaling:service-namespace" = "dynamodb" }
          }
        },
        {
          Sid    = "ChangeAlarms" # Application Auto Scaling makes and deletes them on behalf of the role
          Effect = "Allow"
          Action = ["cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"]
          Resource = [
            "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:TargetTracking-table/${var.table_prefix}*",
          ]
        },
        {
          Sid      = "ListAlarms"
          Effect   = "Allow"
          Action   = ["cloudwatch:DescribeAlarms"]
          Resource = ["*"]
        },
        {
          Sid      = "CreateRoleForAutoScaling"
          Effect   = "Allow"
          Action   = ["iam:CreateServiceLinkedRole"]
          Resource = ["${local.service_roles}/dynamodb.application-autoscaling.amazonaws.com/*"]
          Condition = {
            StringEquals = { "iam:AWSServiceName" = "dynamodb.application-autoscaling.amazonaws.com" }
          }
        },
        {
          Sid      = "ReadItems" # counts the items that do not fit a new index
          Effect   = "Allow"
          Action   = ["dynamodb:Scan"]
          Resource = [local.tables]
        },
        {
          Sid      = "CreateRoleForContributorInsights"
          Effect   = "Allow"
          Action   = ["iam:CreateServiceLinkedRole"]
          Resource = ["${local.service_roles}/contributorinsights.dynamodb.amazonaws.com/*"]
          Condition = {
            StringEquals = { "iam:AWSServiceName" = "contributorinsights.dynamodb.amazonaws.com" }
          }
        },
      ],
      [for _ in var.allow_filling ? [1] : [] : {
        Sid    = "FillTables" # dynatus copies items, and DynamoDB restores them on behalf of the role
        Effect = "Allow"
        Action = [
          "dynamodb:BatchWriteItem",
          "dynamodb:DeleteItem",
          "dynamodb:GetItem",
          "dynamodb:PartiQLInsert",
          "dynamodb:PutItem",
          "dynamodb:Query",
          "dynamodb:RestoreTableFromBackup",
          "dynamodb:UpdateItem",
        ]
        Resource = [local.tables]
      }],
      [for _ in var.allow_deletion ? [1] : [] : {
        Sid    = "DeleteTables"
        Effect = "Allow"
        Action = [
          "dynamodb:CreateBackup",
          "dynamodb:DeleteTable",
          "dynamodb:DescribeBackup",
          "dynamodb:DescribeContinuousBackups",
        ]
        Resource = [local.tables]
      }],
      [for _ in var.allow_deletion ? [1] : [] : {
        Sid      = "ListBackups"
        Effect   = "Allow"
        Action   = ["dynamodb:ListBackups"]
        Resource = ["*"]
      }],
      [for _ in length(var.replica_regions) > 0 ? [1] : [] : {
        Sid    = "ReplicateTables"
        Effect = "Allow"
        Action = [
          "dynamodb:BatchWriteItem",
          "dynamodb:CreateTable",
          "dynamodb:CreateTableReplica",
          "dynamodb:DeleteItem",
          "dynamodb:DeleteTable",
          "dynamodb:DeleteTableReplica",
          "dynamodb:GetItem",
          "dynamodb:PutItem",
          "dynamodb:Query",
          "dynamodb:Scan",
          "dynamodb:UpdateItem",
          "dynamodb:UpdateTimeToLive",
        ]
        Resource = [
          for region in var.replica_regions :
          "arn:${local.partition}:dynamodb:${region}:${local.account}:table/${var.table_prefix}*"
        ]
      }],
      [for _ in length(var.replica_regions) > 0 ? [1] : [] : {
        Sid      = "CreateRoleForReplicas"
        Effect   = "Allow"
        Action   = ["iam:CreateServiceLinkedRole"]
        Resource = ["${local.service_roles}/replication.dynamodb.amazonaws.com/*"]
        Condition = {
          StringEquals = { "iam:AWSServiceName" = "replication.dynamodb.amazonaws.com" }
        }
      }],
      [for _ in length(var.kms_key_arns) > 0 ? [1] : [] : {
        Sid    = "UseKeys" # DynamoDB uses them on behalf of the role; nobody uses them without it
        Effect = "Allow"
        Action = [
          "kms:CreateGrant",
          "kms:Decrypt",
          "kms:DescribeKey",
          "kms:Encrypt",
          "kms:GenerateDataKey*",
          "kms:ReEncrypt*",
        ]
        Resource  = var.kms_key_arns
        Condition = { StringLike = { "kms:ViaService" = "dynamodb.*" } }
      }],
      [for _ in length(var.kinesis_stream_arns) > 0 ? [1] : [] : {
        Sid      = "UseKinesisDataStreams"
        Effect   = "Allow"
        Action   = ["kinesis:PutRecords"]
        Resource = var.kinesis_stream_arns
      }],
      [for _ in length(var.kinesis_stream_arns) > 0 ? [1] : [] : {
        Sid      = "ListKinesisDataStreams"
        Effect   = "Allow"
        Action   = ["kinesis:ListStreams"]
        Resource = ["*"]
      }],
      [for _ in length(var.kinesis_stream_arns) > 0 ? [1] : [] : {
        Sid      = "CreateRoleForKinesisStream"
        Effect   = "Allow"
        Action   = ["iam:CreateServiceLinkedRole"]
        Resource = ["${local.service_roles}/kinesisreplication.dynamodb.amazonaws.com/*"]
        Condition = {
          StringEquals = { "iam:AWSServiceName" = "kinesisreplication.dynamodb.amazonaws.com" }
        }
      }],
    )
  }

  # A pull request may change its own workflow, so whoever may push a branch has this role: it only reads.
  plan_trust = {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = local.provider }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = { "${local.host}:aud" = "sts.amazonaws.com" }
        StringLike   = { "${local.host}:sub" = local.plan_subjects }
      }
    }]
  }

  apply_trust = {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = local.provider }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = { "${local.host}:aud" = "sts.amazonaws.com", "${local.host}:sub" = local.apply_subject }
      }
    }]
  }
}

resource "aws_iam_openid_connect_provider" "github" {
  count          = var.create_provider ? 1 : 0
  url            = "https://${local.host}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_policy" "read" {
  name_prefix = "dynatus-read-"
  description = "What dynatus plan and drift read."
  policy      = jsonencode(local.read_policy)
}

resource "aws_iam_policy" "write" {
  name_prefix = "dynatus-write-"
  description = "What dynatus apply changes."
  policy      = jsonencode(local.write_policy)
}

resource "aws_iam_role" "plan" {
  name_prefix        = "dynatus-plan-"
  description        = "Dynatus CI, plan and drift"
  assume_role_policy = jsonencode(local.plan_trust)
  depends_on         = [aws_iam_openid_connect_provider.github]
}

resource "aws_iam_role" "apply" {
  name_prefix        = "dynatus-apply-"
  description        = "Dynatus CI, apply"
  assume_role_policy = jsonencode(local.apply_trust)
  depends_on         = [aws_iam_openid_connect_provider.github]
}

resource "aws_iam_role_policy_attachment" "plan_reads" {
  role       = aws_iam_role.plan.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_role_policy_attachment" "apply_reads" {
  role       = aws_iam_role.apply.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_role_policy_attachment" "apply_writes" {
  role       = aws_iam_role.apply.name
  policy_arn = aws_iam_policy.write.arn
}

output "plan_role" {
  description = "The value of the variable DYNATUS_PLAN_ROLE on GitHub."
  value       = aws_iam_role.plan.arn
}

output "apply_role" {
  description = "The value of the variable DYNATUS_APPLY_ROLE on GitHub."
  value       = aws_iam_role.apply.arn
}
