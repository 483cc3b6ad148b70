// The container's health check: exits 0 where the router answers, 1 where it does not. Another path than /livez can be given.
const [path = "/livez"] = process.argv.slice(2);
try {
  const { ok } = await fetch(`http://127.0.0.1:${process.env.PORT ?? 8000}${path}`);
  process.exitCode = ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}
