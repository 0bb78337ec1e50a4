// Stands in for aws-actions/configure-aws-credentials: takes the role at the STS of AWS_ENDPOINT_URL, with a token that
// nobody checks, and exports what the real one exports.
const { execFileSync } = require("node:child_process");
const { appendFileSync } = require("node:fs");

const request = new URLSearchParams({
  Action: "AssumeRoleWithWebIdentity",
  Version: "2011-06-15",
  RoleArn: process.env["INPUT_ROLE-TO-ASSUME"],
  RoleSessionName: "GitHubActions",
  WebIdentityToken: "none",
});
const { AWS_CA_BUNDLE, AWS_ENDPOINT_URL, GITHUB_ENV } = process.env;
const curl = ["--silent", "--show-error", "--fail", "--cacert", AWS_CA_BUNDLE, "--data", `${request}`, AWS_ENDPOINT_URL];
const answer = execFileSync("curl", curl, { encoding: "utf8" });
const member = (name) => answer.match(`<${name}>(.*)</${name}>`)[1];

const exported = {
  AWS_ACCESS_KEY_ID: member("AccessKeyId"),
  AWS_SECRET_ACCESS_KEY: member("SecretAccessKey"),
  AWS_SESSION_TOKEN: member("SessionToken"),
  AWS_REGION: process.env["INPUT_AWS-REGION"],
  AWS_DEFAULT_REGION: process.env["INPUT_AWS-REGION"],
};
appendFileSync(GITHUB_ENV, Object.entries(exported).map(([name, value]) => `${name}=${value}\n`).join(""));
