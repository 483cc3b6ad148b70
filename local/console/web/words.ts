/** The console's words, in the languages of the page that it is a part of. */

const en = {
  title: "Local run",
  write: "Write 100 files",
  runMonitor: "Run the monitor now",
  slowDown: (number: number) => `Slow down target ${number}`,
  speedUp: (number: number) => `Speed up target ${number}`,
  kill: (number: number) => `Kill target ${number}`,
  start: (number: number) => `Start target ${number}`,
  schedule: "EventBridge",
  nextRun: (seconds: number) => (seconds > 0 ? `runs the monitor in ${seconds} s` : "the monitor is running"),
  monitor: "Monitor",
  noRun: "has not run yet",
  parameter: "SSM parameter",
  version: (version: number, targets: number, time: string) => `version ${version}, ${targets} mount targets, ${time}`,
  deployment: "ECS deployment",
  rollout: (state: string, running: number, desired: number) => `${state}: ${running} of ${desired} tasks`,
  fileSystem: "EFS",
  lifeCycle: (states: string) => states,
  failed: (reason: string) => `That failed: ${reason}`,
};

export type ConsoleWords = typeof en;

const ja: ConsoleWords = {
  title: "ローカル実行",
  write: "ファイルを 100 個書き込む",
  runMonitor: "モニターを今すぐ実行",
  slowDown: (number) => `ターゲット ${number} を遅くする`,
  speedUp: (number) => `ターゲット ${number} を元の速さに戻す`,
  kill: (number) => `ターゲット ${number} を停止`,
  start: (number) => `ターゲット ${number} を起動`,
  schedule: "EventBridge",
  nextRun: (seconds) => (seconds > 0 ? `${seconds} 秒後にモニターを実行` : "モニターを実行中"),
  monitor: "モニター",
  noRun: "まだ実行されていません",
  parameter: "SSM パラメータ",
  version: (version, targets, time) => `バージョン ${version}、マウントターゲット ${targets} 個、${time}`,
  deployment: "ECS デプロイ",
  rollout: (state, running, desired) => `${state}: タスク ${running} / ${desired}`,
  fileSystem: "EFS",
  lifeCycle: (states) => states,
  failed: (reason) => `失敗しました: ${reason}`,
};

export function wordsOf(language: string): ConsoleWords {
  return language.startsWith("ja") ? ja : en;
}
