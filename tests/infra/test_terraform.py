"""Terraform makes, in a stand-in for AWS, private buckets, repositories whose tags stay, and roles that may do no more than they must."""

import json
import re
import shutil
import subprocess

import boto3
import pytest
from manifests import INFRA
from moto.server import ThreadedMotoServer
from terraform import ALONE, CI, CLUSTER, NOTHING, Workspace, allows, flags, listed, workspace

PUSHER = "repo:clinic/lobule:ref:refs/heads/main"
VARIABLES = {"prefix": "clinic", "cluster_oidc_provider_arn": CLUSTER, "ci_oidc_provider_arn": CI, "ci_subjects": [PUSHER]}
slow = pytest.mark.slow


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_the_files_are_formatted():
    done = subprocess.run(["terraform", "fmt", "-check", "-diff", INFRA / "terraform"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_variable_and_output_is_described():
    for path in (INFRA / "terraform").glob("*.tf"):
        blocks = re.findall(r'^(?:variable|output) "(\w+)" \{\n(.*?)^\}', path.read_text(), re.MULTILINE | re.DOTALL)
        assert [name for name, body in blocks if "description" not in body] == []


@pytest.fixture(scope="module")
def aws():
    """Address of the stand-in."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture(scope="module")
def started(aws, tmp_path_factory):
    """A workspace, and Terraform making everything: a minute of waiting for AWS to be of one mind, while the tests of plans run."""
    made = workspace(tmp_path_factory.mktemp("terraform") / "root", aws)
    if isinstance(made, str):
        pytest.skip(made)
    made.must("validate", "-no-color")
    process = made.start("apply", *ALONE, "-auto-approve", *flags(VARIABLES))
    yield made, process
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def terraform(started) -> Workspace:
    return started[0]


@slow
def test_all_but_the_buckets_is_optional(terraform):
    types = terraform.planned_types(repositories=[])
    assert types and [name for name in types if not name.startswith("aws_s3_bucket")] == []


@slow
def test_a_key_of_ones_own_encrypts_everything_and_those_who_read_may_use_it(terraform):
    key = "arn:aws:kms:eu-central-1:123456789012:key/own"
    resources = terraform.planned(**VARIABLES, kms_key_arn=key)
    encryption = [each["values"]["rule"] for each in resources if each["type"] == "aws_s3_bucket_server_side_encryption_configuration"]
    assert [rule[0]["apply_server_side_encryption_by_default"][0]["kms_master_key_id"] for rule in encryption] == [key] * 3
    given = {
        each["name"] + str(each.get("index")): json.loads(each["values"]["policy"])
        for each in resources
        if each["type"] == "aws_iam_role_policy"
    }
    may = {name: [allows(policy, action, key) for action in ("kms:Decrypt", "kms:GenerateDataKey")] for name, policy in given.items()}
    assert may == {
        "clustertraining": [True, True],
        "clusterserving": [True, False],
        "clustertracking": [True, True],
        "cici": [False, False],
    }


@slow
@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {
                "prefix": "Clinic_Lobule",
                "ci_subjects": ["repo:clinic/*"],
                "service_accounts": {"training": ["*:*"], "serving": [], "tracking": []},
            },
            ["prefix must be", "ci_subjects must be whole subjects", "service_accounts must be"],
        ),
        ({"ci_oidc_provider_arn": CI}, ["ci_subjects must name who may push"]),
    ],
)
def test_a_value_that_cannot_be_is_told_with_the_remedy(terraform, variables, said):
    done = terraform.run("plan", *ALONE, *NOTHING, *flags(variables))
    told = " ".join(done.stderr.replace("│", " ").split())
    assert done.returncode == 1 and [words for words in said if words not in told] == []


@pytest.fixture(scope="module")
def applied(started):
    terraform, process = started
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return terraform


@pytest.fixture(scope="module")
def client(aws, applied):
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "eu-central-1"}
    return lambda service: boto3.client(service, endpoint_url=aws, **keys)


@pytest.fixture(scope="module")
def policies(client):
    """Rights of each role, as they were given."""
    iam = client("iam")
    names = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    return {name.removeprefix("clinic-"): iam.get_role_policy(RoleName=name, PolicyName="rights")["PolicyDocument"] for name in names}


@slow
def test_what_is_there_needs_no_change(applied):
    done = applied.run("plan", *ALONE, "-detailed-exitcode", *flags(VARIABLES))
    assert done.returncode == 0, done.stdout + done.stderr


@slow
@pytest.mark.parametrize("name", ["clinic-data", "clinic-artifacts", "clinic-pipelines"])
def test_buckets_are_private_encrypted_versioned_and_answer_over_tls_alone(client, name):
    s3 = client("s3")
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    (rule,) = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert set(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values()) == {True}
    (ownership,) = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    assert ownership["ObjectOwnership"] == "BucketOwnerEnforced"
    (statement,) = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert sorted(statement["Resource"]) == [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]


@slow
def test_what_was_deleted_is_kept_a_month_and_what_tasks_hand_over_three(client):
    rules = {
        name: {rule["ID"]: rule for rule in client("s3").get_bucket_lifecycle_configuration(Bucket=f"clinic-{name}")["Rules"]}
        for name in ("data", "artifacts", "pipelines")
    }
    assert {name: rule["old-versions"]["NoncurrentVersionExpiration"]["NoncurrentDays"] for name, rule in rules.items()} == dict.fromkeys(
        rules, 30
    )
    assert {name for name, rule in rules.items() if "hand-overs" in rule} == {"pipelines"}
    assert rules["pipelines"]["hand-overs"]["Expiration"]["Days"] == 90


@slow
def test_tags_of_images_stay_and_images_are_scanned(client):
    found = client("ecr").describe_repositories()["repositories"]
    assert {each["repositoryName"] for each in found} == {"clinic/lobule-train", "clinic/lobule-serve", "clinic/lobule-mlflow"}
    assert {each["imageTagMutability"] for each in found} == {"IMMUTABLE"}
    assert all(each["imageScanningConfiguration"]["scanOnPush"] for each in found)


def bucket(name: str) -> str:
    return f"arn:aws:s3:::clinic-{name}"


REPOSITORY = "arn:aws:ecr:eu-central-1:123456789012:repository/clinic/lobule-train"
RIGHTS = [
    ("training", "s3:GetObject", bucket("data/image.png"), True),
    ("training", "s3:ListBucket", bucket("data"), True),
    ("training", "s3:PutObject", bucket("data/image.png"), False),
    ("training", "s3:DeleteObject", bucket("data/image.png"), False),
    ("training", "s3:PutObject", bucket("pipelines/run/out"), True),
    ("training", "s3:GetObject", bucket("artifacts/1/model"), False),
    ("training", "s3:PutObject", bucket("artifacts/1/model"), False),
    ("serving", "s3:GetObject", bucket("artifacts/1/model"), True),
    ("serving", "s3:PutObject", bucket("artifacts/1/model"), False),
    ("serving", "s3:GetObject", bucket("data/image.png"), False),
    ("serving", "s3:PutObject", bucket("data/image.png"), False),
    ("serving", "s3:ListBucket", bucket("pipelines"), False),
    ("tracking", "s3:PutObject", bucket("artifacts/1/model"), True),
    ("tracking", "s3:DeleteObject", bucket("artifacts/1/model"), True),
    ("tracking", "s3:DeleteObjectVersion", bucket("artifacts/1/model"), False),
    ("tracking", "s3:PutBucketPolicy", bucket("artifacts"), False),
    ("tracking", "s3:GetObject", bucket("data/image.png"), False),
    ("ci", "ecr:PutImage", REPOSITORY, True),
    ("ci", "ecr:BatchDeleteImage", REPOSITORY, False),
    ("ci", "ecr:PutImage", REPOSITORY.replace("clinic/", "other/"), False),
    ("ci", "s3:GetObject", bucket("data/image.png"), False),
    ("ci", "sts:AssumeRole", "arn:aws:iam::123456789012:role/clinic-training", False),
]


@slow
@pytest.mark.parametrize(("role", "action", "resource", "may"), RIGHTS)
def test_rights(policies, role, action, resource, may):
    assert allows(policies[role], action, resource) is may


@slow
def test_no_right_is_for_everything(policies):
    statements = [(role, statement) for role, policy in policies.items() for statement in listed(policy["Statement"])]
    assert {role for role, _ in statements} == {"training", "serving", "tracking", "ci"}
    assert [(role, action) for role, statement in statements for action in listed(statement["Action"]) if "*" in action] == []
    wide = [listed(statement["Action"]) for _, statement in statements if "*" in listed(statement["Resource"])]
    assert wide == [["ecr:GetAuthorizationToken"]]  # which knows no resource
    own = re.compile(r"arn:aws:s3:::clinic-\w+(/\*)?|arn:aws:ecr:eu-central-1:123456789012:repository/clinic/lobule-\w+|\*")
    assert [resource for _, statement in statements for resource in listed(statement["Resource"]) if not own.fullmatch(resource)] == []


@slow
@pytest.mark.parametrize(
    ("role", "subject"),
    [
        ("training", "system:serviceaccount:kubeflow:pipeline-runner"),
        ("serving", "system:serviceaccount:lobule:serve"),
        ("tracking", "system:serviceaccount:lobule:mlflow"),
        ("ci", PUSHER),
    ],
)
def test_a_role_is_taken_by_the_one_who_is_named_and_by_nobody_else(client, role, subject):
    document = client("iam").get_role(RoleName=f"clinic-{role}")["Role"]["AssumeRolePolicyDocument"]
    (statement,) = document["Statement"]
    provider = CI if role == "ci" else CLUSTER
    issuer = provider.partition("oidc-provider/")[2]
    assert statement["Principal"] == {"Federated": provider}
    assert statement["Condition"] == {"StringEquals": {f"{issuer}:sub": subject, f"{issuer}:aud": "sts.amazonaws.com"}}
