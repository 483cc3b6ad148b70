/** What the status page needs of the world, where no test looks at it. */

const asset = (text: string) => ({ plain: Buffer.from(text), gzipped: Buffer.from(text) });

export const noStatusPage = {
  loadPageAssets: async () => new Map([["browser.js", asset("script")]]),
  serviceTasks: async () => ({ list: async () => [], ask: () => Promise.reject(new Error("There is none")) }),
};
