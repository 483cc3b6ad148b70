import type { ComponentChildren } from "preact";

function icon(content: ComponentChildren) {
  return () => (
    <svg class="icon" viewBox="0 0 20 20" width="18" height="18" aria-hidden="true" focusable="false">
      {content}
    </svg>
  );
}

export const DirectoryIcon = icon(
  <path
    class="filled"
    d="M2 5a1.5 1.5 0 0 1 1.5-1.5h4l2 2h7A1.5 1.5 0 0 1 18 7v8a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 2 15z"
  />,
);
export const FileIcon = icon(<path d="M5 2.5h6.5L15.5 6.5V17.5H5zM11.5 2.5v4h4" />);
export const DownloadIcon = icon(<path d="M10 3v10M5.5 9 10 13.5 14.5 9M4 17h12" />);
export const DeleteIcon = icon(
  <path d="M4 5.5h12M8 5.5V3.5h4v2M5.5 5.5 6.3 17h7.4l.8-11.5M8.5 8.5v5.5M11.5 8.5v5.5" />,
);
