/** What a stack's routing strategy decides. */
import { ROUTING_STRATEGIES } from "@efs-mount-autoscaling/routed-files/strategies";
import { expect, test } from "vitest";
import { containersIn } from "./containers.ts";
import { type Registered, registerStack } from "./stack.ts";

const keyOf = ({ type, name }: Registered) => `${type} ${name}`;

test("is one variable of the router's container, and nothing else in the stack", async () => {
  const { resources } = await registerStack({});
  const before = new Map(resources.map((resource) => [keyOf(resource), resource]));
  for (const strategy of ROUTING_STRATEGIES.filter((each) => each !== "rendezvous")) {
    const after = (await registerStack({ routingStrategy: strategy })).resources;
    expect(after.map(keyOf).sort()).toEqual(resources.map(keyOf).sort());
    const changed = after.filter(
      (resource) => JSON.stringify(resource.inputs) !== JSON.stringify(before.get(keyOf(resource))?.inputs),
    );
    expect(changed.map(keyOf).sort()).toEqual([
      "aws:ecs/service:Service router",
      "aws:ecs/taskDefinition:TaskDefinition router",
    ]);
    for (const resource of changed) {
      const { type, inputs } = resource;
      const was = before.get(keyOf(resource))?.inputs;
      const input = type.endsWith(":Service") ? "taskDefinition" : "containerDefinitions";
      expect({ ...inputs, [input]: was?.[input] }).toEqual(was);
      if (input === "taskDefinition") continue;
      const variablesBefore = variablesOf(was?.[input]);
      expect(variablesOf(inputs[input]).filter((variable) => !variablesBefore.includes(variable))).toEqual([
        `router ROUTING_STRATEGY=${strategy}`,
      ]);
    }
  }
});

function variablesOf(containerDefinitions: unknown): string[] {
  return containersIn(containerDefinitions).flatMap(({ name: container, environment }) =>
    environment.map(({ name, value }) => `${container} ${name}=${value}`),
  );
}
