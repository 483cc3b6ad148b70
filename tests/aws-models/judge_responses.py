"""What botocore's models of EFS say about the responses of two servers that stand in for it.

In, as JSON: "endpoints" by region, and "calls". A call has "region", "operation" and "parameters".

Out, as JSON: for each call the "problems" that the model has with the response, and the "error" that it was, or null.
"""

import json
import sys

import boto3
import botocore.exceptions
import botocore.validate

from constraints import Constraints

CREDENTIALS = {"aws_access_key_id": "AKIDLOCAL", "aws_secret_access_key": "local"}


def judged(client, operation, parameters):
    model = client.meta.service_model.operation_model(operation)
    method = next(name for name, its in client.meta.method_to_api_mapping.items() if its == operation)
    try:
        response = getattr(client, method)(**parameters)
    except botocore.exceptions.ClientError as error:
        return judged_error(model, error.response)
    status = response.pop("ResponseMetadata")["HTTPStatusCode"]
    problems = [] if status == model.http["responseCode"] else [f"status {status}"]
    if model.output_shape is not None:
        report = botocore.validate.ParamValidator().validate(response, model.output_shape)
        if report.has_errors():
            return {"problems": [*problems, report.generate_report()], "error": None}
        constraints = Constraints()
        constraints.check(response, model.output_shape, operation)
        problems += constraints.problems
    return {"problems": problems, "error": None}


def judged_error(model, response):
    code, status = response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]
    declared = {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in model.error_shapes}
    right = declared.get(code) == status and response.get("ErrorCode") == code
    return {"problems": [] if right else [f"{code} with status {status}"], "error": code}


def main():
    request = json.load(sys.stdin)
    clients = {
        region: boto3.client("efs", region_name=region, endpoint_url=endpoint, **CREDENTIALS)
        for region, endpoint in request["endpoints"].items()
    }
    verdicts = [judged(clients[call["region"]], call["operation"], call["parameters"]) for call in request["calls"]]
    json.dump(verdicts, sys.stdout)


main()
