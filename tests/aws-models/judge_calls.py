"""What botocore's models of AWS's services, and moto, say about calls of AWS.

In, as JSON: lists of calls by the name of the stack that they make. A call has "service", "operation", "parameters" and
"gives": values in the calls, and where in the response AWS's own are instead of them, as JMESPath.

Out, as JSON: a list for each stack with, for each call, the "problems" that the model has with it, the number of
"values" in it and of the model's "constraints" on them, and what "moto" said: null, "not implemented", or an error.
"""

import json
import os
import sys
from functools import cache

import boto3
import botocore.session
import botocore.validate
import jmespath
from botocore.exceptions import ClientError
from moto import mock_aws

from constraints import Constraints

# No instance is started, so nobody needs the images of each account.
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"

REGION = "ap-northeast-1"
ACCOUNT = {
    "core": {"mock_credentials": True},
    # No code is run.
    "lambda": {"use_docker": False},
    # Names of AWS's own policies can be wrong too.
    "iam": {"load_aws_managed_policies": True},
}


# One for all, because it keeps the models that it has read.
MODELS = botocore.session.get_session()
SESSION = boto3.Session(botocore_session=MODELS)


@cache
def input_shape(service, operation):
    return MODELS.get_service_model(service).operation_model(operation).input_shape


def fitted(value, shape):
    """The value with the model's names, whose case it need not have, and with JSON where the model has text."""
    if isinstance(value, dict) and shape.type_name == "structure":
        by_lower_case = {name.lower(): name for name in shape.members}
        names = {key: by_lower_case.get(key.lower(), key) for key in value}
        return {
            name: fitted(value[key], shape.members[name]) if name in shape.members else value[key]
            for key, name in names.items()
        }
    if isinstance(value, list) and shape.type_name == "list":
        return [fitted(item, shape.member) for item in value]
    if isinstance(value, (dict, list)) and shape.type_name == "string":
        return json.dumps(value, separators=(",", ":"))
    return value


class Moto:
    """An account that begins empty."""

    def __init__(self):
        self.clients = {}
        self.replacements = {}

    def call(self, service, region, operation, parameters, gives):
        """@returns what moto has against the call, or None."""
        if (service, region) not in self.clients:
            self.clients[service, region] = SESSION.client(service, region_name=region)
        client = self.clients[service, region]
        method = next(name for name, its in client.meta.method_to_api_mapping.items() if its == operation)
        try:
            response = getattr(client, method)(**self.replaced(parameters))
        except NotImplementedError:
            return "not implemented"
        except ClientError as error:
            # How moto says it of an address that it does not know.
            if error.response["Error"]["Message"] == "Not yet implemented":
                return "not implemented"
            return f"{type(error).__name__}: {error}"
        except Exception as error:  # Whatever it is, the test shows it.
            return f"{type(error).__name__}: {error}"
        self.replacements |= {value: jmespath.search(path, response) for value, path in gives.items()}
        return None

    def replaced(self, value):
        """The value with moto's ids and ARNs."""
        if isinstance(value, dict):
            return {key: self.replaced(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.replaced(item) for item in value]
        if isinstance(value, str):
            for stacks, motos in self.replacements.items():
                value = value.replace(stacks, motos)
        return value


def judged(moto, call):
    service, operation = call["service"], call["operation"]
    shape = input_shape(service, operation)
    parameters = fitted(call["parameters"], shape)
    report = botocore.validate.ParamValidator().validate(parameters, shape)
    if report.has_errors():
        return {"problems": [report.generate_report()], "values": 0, "constraints": 0, "moto": None}
    constraints = Constraints()
    constraints.check(parameters, shape, operation)
    return {
        "problems": constraints.problems,
        "values": constraints.values,
        "constraints": constraints.checked,
        "moto": moto.call(service, call.get("region", REGION), operation, parameters, call["gives"]),
    }


def main():
    verdicts = {}
    for stack, calls in json.load(sys.stdin).items():
        with mock_aws(config=ACCOUNT):
            moto = Moto()
            verdicts[stack] = [judged(moto, call) for call in calls]
    json.dump(verdicts, sys.stdout)


main()
