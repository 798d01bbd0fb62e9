// Fastify with @fastify/bearer-auth: `node server.js PORT KEYS HOW`, where KEYS is a file with a key in JSON on each line.
//
// The plugin's own `keys` are compared one by one, which takes a list of a hundred thousand far too long; its `auth` is
// what it offers instead. HOW is "decision", the same decision that Wayvo takes and the same answer, or "map": the keys in
// clear text in a Map, no expiry, no scope, no address, which is as fast as it gets.
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { BlockList } from 'node:net'
import Fastify from 'fastify'
import bearerAuth from '@fastify/bearer-auth'

const [port, file, how] = process.argv.slice(2)
const stored = readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line))

const fastify = Fastify({ logger: false, keepAliveTimeout: 600_000, trustProxy: how === 'decision' && '127.0.0.1' })
fastify.decorateRequest('key', null)
fastify.register(how === 'decision' ? decision : map)
await fastify.listen({ host: '127.0.0.1', port: Number(port) })

async function map (guarded) {
  const keys = new Map(stored.map((key) => [key.secret, key]))
  guarded.register(bearerAuth, {
    auth: (secret, request) => {
      request.key = keys.get(secret)
      return request.key !== undefined
    }
  })
  guarded.register(async (inner) => {
    inner.get('/v1/forward-auth', (request, reply) => {
      reply.header('wayvo-credential-id', request.key.id).send()
    })
  })
}

async function decision (guarded) {
  const lists = new Map()
  const keys = new Map(stored.map((key) => [hash('sha256', key.secret), compiled(key, lists)]))
  guarded.register(bearerAuth, {
    auth: (secret, request) => {
      request.key = keys.get(hash('sha256', secret))
      return request.key !== undefined && request.key.expiresAt > Date.now()
    }
  })
  guarded.register(async (inner) => {
    inner.get('/v1/forward-auth', (request, reply) => {
      const { key, ip, query } = request
      const scopes = key.access.get(query.audience)
      if (key.mode !== query.mode || scopes === undefined) return reply.code(401).send()
      if (key.networks !== null && !key.networks.check(ip)) return reply.code(403).send()
      for (const scope of query.scopes.split(' ')) {
        if (!scopes.has(scope)) return reply.code(403).send()
      }
      key.lastUsedAt = Date.now()
      key.lastUsedFrom = ip
      reply.headers(key.identity).send()
    })
  })
}

function compiled (key, lists) {
  const network = key.network
  if (network !== null && !lists.has(network)) {
    lists.set(network, new BlockList())
    lists.get(network).addSubnet(...network.split('/').map((part, index) => (index ? Number(part) : part)))
  }
  return {
    access: new Map(Object.entries(key.access).map(([audience, scopes]) => [audience, new Set(scopes)])),
    expiresAt: key.expires_at * 1000,
    mode: key.mode,
    networks: network === null ? null : lists.get(network),
    lastUsedAt: null,
    lastUsedFrom: null,
    identity: {
      'wayvo-organization-id': key.organization_id,
      'wayvo-project-id': key.project_id,
      'wayvo-principal': `service_account:${key.project_id}`,
      'wayvo-credential-id': key.id,
      'wayvo-mode': key.mode,
      'wayvo-scopes': Object.values(key.access)[0].join(' ')
    }
  }
}
