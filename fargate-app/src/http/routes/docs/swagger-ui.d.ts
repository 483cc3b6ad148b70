declare module "@fastify/swagger-ui/static/swagger-ui.css" {
  const compressed: Uint8Array;
  export default compressed;
}

declare module "@fastify/swagger-ui/static/swagger-ui-bundle.js" {
  const compressed: Uint8Array;
  export default compressed;
}
