import fc from "fast-check";
import { expect, test } from "vitest";
import { AwsError } from "../../../../local/control-plane/aws-error.ts";
import { ec2Query, json11, parseQueryForm, restJson } from "../../../../local/control-plane/protocols.ts";

test("an EC2 form becomes lists and members", () => {
  const form =
    "Action=DescribeSubnets&Filter.2.Name=vpc-id&Filter.2.Value.1=vpc-1&Filter.1.Name=state&Filter.1.Value.2=b" +
    "&Filter.1.Value.1=a+%26&SubnetId.1=subnet-1";
  expect(parseQueryForm(form)).toEqual({
    Action: "DescribeSubnets",
    Filter: [
      { Name: "state", Value: ["a &", "b"] },
      { Name: "vpc-id", Value: ["vpc-1"] },
    ],
    SubnetId: ["subnet-1"],
  });
});

test.each(["A=1&A.1=2", "A.1=2&A=1", "A=1&A=2"])("a form in which a key has two meanings is refused: %s", (form) => {
  expect(() => parseQueryForm(form)).toThrow(expect.objectContaining({ code: "MalformedQueryString" }));
});

test("any form is parsed or refused with an AWS error", () => {
  fc.assert(
    fc.property(fc.string(), (form) => {
      try {
        parseQueryForm(form);
      } catch (error) {
        expect(error).toBeInstanceOf(AwsError);
      }
    }),
  );
});

test("dates are seconds in JSON; what is absent is left out", () => {
  const output = { at: new Date(1_700_000_000_250), list: [{ at: new Date(0) }], none: undefined };
  expect(json11.success("X", output, "id").body).toBe('{"at":1700000000.25,"list":[{"at":0}]}');
  expect(restJson.success("X", output, "id").body).toBe('{"at":1700000000.25,"list":[{"at":0}]}');
  expect(ec2Query.success("X", { list: { item: ["a", "b"] }, none: undefined }, "id").body).toMatch(
    /<requestId>id<\/requestId><list><item>a<\/item><item>b<\/item><\/list><\/XResponse>$/,
  );
});

test("text is escaped in XML", () => {
  expect(ec2Query.failure(new AwsError("A", 400, "<&>"), "id").body).toContain("<Message>&lt;&amp;&gt;</Message>");
});
