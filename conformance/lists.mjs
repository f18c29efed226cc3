// Walks through lists that are longer than a page.

import assert from 'node:assert/strict';
import { ask, check, client, refused, slack } from './story.mjs';

const ada = client('ada');
const { apps } = ada.admin;
const team_id = slack('orgs', 'support');
const polls = [1, 2, 3, 4, 5, 6, 7].map((n) => slack('apps', `poll-${n}`));

// walk collects the pages of a list with the client's own paginate().
async function walk(method, rows, args) {
  const pages = [];
  for await (const page of ada.paginate(method, { team_id, ...args })) {
    pages.push(page[rows].map((row) => row.app.id));
  }
  return pages;
}

const sizes = (pages) => pages.map((page) => page.length);

await check('paginate walks pending requests, newest first', async () => {
  for (let n = 1; n <= 7; n += 1) await ask(`poll-${n}`, 'support');
  const pages = await walk('admin.apps.requests.list', 'app_requests', { limit: 3 });
  assert.deepEqual(sizes(pages), [3, 3, 1]);
  assert.deepEqual(pages.flat(), polls.toReversed());
  assert.deepEqual(sizes(await walk('admin.apps.requests.list', 'app_requests')), [7]);
});

await check('a row that leaves does not shift the walk', async () => {
  const first = await apps.requests.list({ team_id, limit: 3 });
  await apps.approve({ request_id: first.app_requests[1].id, team_id });
  const cursor = first.response_metadata.next_cursor;
  const second = await apps.requests.list({ team_id, limit: 3, cursor });
  assert.deepEqual(second.app_requests.map((row) => row.app.id), polls.toReversed().slice(3, 6));
});

await check('paginate walks approved apps', async () => {
  for (const app_id of polls) await apps.approve({ app_id, team_id });
  const pages = await walk('admin.apps.approved.list', 'approved_apps', { limit: 3 });
  assert.deepEqual(sizes(pages), [3, 3, 1]);
  assert.deepEqual(pages.flat(), polls.toReversed());
});

await check('paginate walks restricted apps', async () => {
  for (const app_id of polls) await apps.restrict({ app_id, team_id });
  const pages = await walk('admin.apps.restricted.list', 'restricted_apps', { limit: 2 });
  assert.deepEqual(sizes(pages), [2, 2, 2, 1]);
  assert.deepEqual(pages.flat(), polls.toReversed());
});

await check('paginate stops where it is told', async () => {
  const reduce = (count = 0, page) => count + page.restricted_apps.length;
  const enough = (page) => page.restricted_apps.some((row) => row.app.id === polls[3]);
  const count = await ada.paginate('admin.apps.restricted.list', { team_id, limit: 2 }, enough, reduce);
  assert.equal(count, 4);
});

await check('the last page has an empty cursor', async () => {
  const page = await apps.restricted.list({ team_id, limit: 7 });
  assert.equal(page.restricted_apps.length, 7);
  assert.equal(page.response_metadata.next_cursor, '');
});

await check('a cursor opens only the list that it came with', async () => {
  const { response_metadata: { next_cursor: cursor } } = await apps.restricted.list({ team_id, limit: 2 });
  await refused('invalid_cursor', apps.approved.list({ team_id, cursor }));
  await refused('invalid_cursor', apps.restricted.list({ team_id: slack('orgs', 'sales'), cursor }));
  await refused('invalid_cursor', apps.restricted.list({ team_id, certified: true, cursor }));
  await refused('invalid_cursor', apps.restricted.list({ team_id, cursor: 'dGVhbTpDMDYxRkE1UEI=' }));
});

await check('pages have 1 to 1000 rows', async () => {
  for (const limit of [0, 1001, 'many']) {
    const data = await refused('invalid_arguments', apps.restricted.list({ team_id, limit }));
    assert.match(data.response_metadata.messages[0], /^\[ERROR\] .*\[json-pointer:\/limit\]$/);
  }
});

await check('a list needs one level', async () => {
  const levels = { team_id, enterprise_id: slack('orgs', 'acme') };
  await refused('no_team_or_enterprise_provided', apps.requests.list());
  await refused('team_not_found', apps.approved.list());
  await refused('team_not_found', apps.restricted.list());
  for (const list of [apps.requests.list, apps.approved.list, apps.restricted.list]) {
    await refused('too_many_teams_provided', list(levels));
  }
});
