// The audits of graphql-http on the endpoint of the first argument, one JSON object a line.
import { auditServer } from "graphql-http";

for (const { status, name, reason } of await auditServer({ url: process.argv[2] })) {
  console.log(JSON.stringify({ status, name, reason }));
}
