// Signs in as adal-node does: `node adal.js MEX_URL USER PASSWORD`. Prints what it found as JSON.
'use strict';

const path = require('path');
const library = path.join(process.env.NODE_PATH, 'adal-node', 'lib');
const Mex = require(path.join(library, 'mex'));
const WSTrustRequest = require(path.join(library, 'wstrust-request'));

require(path.join(library, 'util')).adalInit();
const [mexUrl, user, password] = process.argv.slice(2);
const context = { _logContext: { correlationId: '00000000-0000-0000-0000-000000000000' }, options: {} };

function fail(error) {
  console.log(JSON.stringify({ error: String(error && error.message ? error.message : error) }));
  process.exit(0);
}

const mex = new Mex(context, mexUrl);
mex.discover((error) => {
  if (error) return fail(error);
  const policy = mex.usernamePasswordPolicy;
  const found = { url: policy.url, version: policy.version };
  if (!user) return console.log(JSON.stringify(found));
  const request = new WSTrustRequest(context, policy.url, 'urn:federation:MicrosoftOnline', policy.version);
  request.acquireToken(user, password, (refused, response) => {
    if (refused) return fail(refused);
    console.log(JSON.stringify({ ...found, tokenType: response.tokenType, token: response.token }));
  });
});
