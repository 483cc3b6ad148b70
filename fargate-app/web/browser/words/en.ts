/** The file browser's words in English, and by their type the words that every language must have. */

export const en = {
  path: "Path",
  root: "Files",
  loading: "Loading…",
  empty: "This directory is empty.",
  upload: "Upload files",
  dropHint: "or drop them here",
  drop: "Drop the files to upload them to this directory",
  noFolders: "Folders cannot be dropped: drop the files in them.",

  entries: "Files and directories",
  name: "Name",
  size: "Size",
  modified: "Modified",
  actions: "Actions",
  notUtf8: "not UTF-8",
  types: {
    directory: "Directory",
    "symbolic-link": "Symbolic link",
    fifo: "Named pipe",
    socket: "Socket",
    "block-device": "Block device",
    "character-device": "Character device",
  } as Record<string, string>,
  preview: (name: string) => `Preview ${name}`,
  download: (name: string) => `Download ${name}`,
  delete: (name: string) => `Delete ${name}`,

  shown: (count: string, more: boolean) => (more ? `The first ${count} entries` : `${count} entries`),
  shownBehind: (count: string, passed: string) => `${count} entries behind the first ${passed}`,
  sortNote: "Sorted among those that are loaded",
  more: "Load more",
  next: "Go on: the next entries take their place",
  beginning: "Back to the beginning",

  uploads: "Uploads",
  uploading: (count: number) => (count === 1 ? "1 file is being uploaded" : `${count} files are being uploaded`),
  uploaded: (count: number) => (count === 1 ? "1 file was uploaded" : `${count} files were uploaded`),
  cancel: "Cancel",
  cancelUpload: (name: string) => `Cancel the upload of ${name}`,

  conflict: (name: string) => `${name} is already here`,
  existing: "Here",
  yours: "Yours",
  isDirectory: "A directory",
  replace: "Replace",
  keepBoth: "Keep both",
  skip: "Skip",
  forAll: "Do the same for all that follow",

  deleteQuestion: (name: string) => `Delete ${name}?`,
  deleteNote: "It cannot be restored from here.",
  deleteDirectoryNote: "Only an empty directory can be deleted.",
  deleteIt: "Delete",
  deleted: (name: string) => `${name} was deleted`,

  close: "Close",
  downloadIt: "Download",
  noPreview: "There is no preview: only text in UTF-8 and images can be shown.",
  tooLarge: "The image is too large to be shown.",
  beginningOf: (bytes: string) => `The first ${bytes} are shown.`,

  readOnly: "This region is read-only.",
  readOnlyNow: "This region takes no changes at the moment. Try again in a minute.",
  toPrimary: "Change files in the primary region",

  notFound: "This directory does not exist.",
  changed: "The file has changed in the meantime. The list is up to date again.",
  notEmpty: "The directory is not empty.",
  gone: "It was already gone.",
  noConnection: "The service cannot be reached. Retry in a moment.",
  retry: "Retry",
};

export type Words = typeof en;
