import { shortId, stateIn, type View } from "../view.ts";
import { StateWord } from "./parts.tsx";

export function Tasks({ status: { tasks, aloneBecause, time }, words, format }: View) {
  const current = tasks.filter(({ isCurrent }) => isCurrent).length;
  return (
    <section aria-labelledby="tasks">
      <h2 id="tasks">{words.tasks}</h2>
      <p class="muted">
        {aloneBecause !== undefined
          ? words.alone(aloneBecause)
          : current < tasks.length
            ? words.rolling(current, tasks.length)
            : words.steady(tasks.length)}
      </p>
      <table class="wide">
        <thead>
          <tr>
            <th scope="col">{words.task}</th>
            <th scope="col">{words.state}</th>
            <th scope="col">{words.deployment}</th>
            <th scope="col" class="number">
              {words.age}
            </th>
            <th scope="col" class="number">
              {words.requests}
              {words.perSecond}
            </th>
            <th scope="col" class="number">
              {words.inFlight}
            </th>
            <th scope="col" class="number">
              {words.memory}
            </th>
          </tr>
        </thead>
        <tbody>
          {tasks.map((task) => (
            <tr key={task.id} data-task={task.id}>
              <th scope="row">
                <span class="id">{shortId(task.id)}</span>
                <span class="note">
                  {[task.zone, task.isSelf ? words.thisTask : undefined]
                    .filter((part) => part !== undefined)
                    .join(" · ")}
                </span>
              </th>
              <td data-label={words.state}>
                <StateWord state={task.status.toLowerCase()} text={stateIn(words.taskStates, task.status)} />
                {task.problem !== undefined && (
                  <span class="note" lang="en">
                    {words.silentTask(task.problem)}
                  </span>
                )}
              </td>
              <td data-label={words.deployment}>{task.isCurrent ? words.newest : words.earlier}</td>
              <td class="number" data-label={words.age}>
                {task.startedAt === undefined ? "–" : format.duration(time - task.startedAt)}
              </td>
              <td class="number" data-label={`${words.requests}${words.perSecond}`}>
                {task.requestsPerSecond === undefined ? "–" : format.number(task.requestsPerSecond)}
              </td>
              <td class="number" data-label={words.inFlight}>
                {task.inFlight === undefined ? "–" : format.whole(task.inFlight)}
              </td>
              <td class="number" data-label={words.memory}>
                {task.memory === undefined ? "–" : format.bytes(task.memory)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
