// Stands in for actions/checkout: one commit of the repository that jobs see.
const { execFileSync } = require("node:child_process");

const folder = process.env.INPUT_PATH;
const git = (...words) => execFileSync("git", words, { stdio: "inherit" });

git("config", "--global", "--replace-all", "safe.directory", "*"); // it belongs to whoever runs the tests
git("init", "--quiet", folder);
git("-C", folder, "fetch", "--quiet", "--depth=1", "file:///github-stand-in/repository", process.env.INPUT_REF);
git("-C", folder, "checkout", "--quiet", "--force", "FETCH_HEAD");
