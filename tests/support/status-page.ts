/** What the status page needs of the world, where no test looks at it. */

const asset = (text: string) => ({ plain: Buffer.from(text), gzipped: Buffer.from(text) });

export const noStatusPage = {
  loadStatusAssets: async () => ({ script: asset("script"), css: asset("css") }),
  serviceTasks: async () => ({ list: async () => [], ask: () => Promise.reject(new Error("There is none")) }),
};
