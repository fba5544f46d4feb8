// The same API on Fastify and pg, written as their documentation teaches.
//
//   DATABASE_URL=... PORT=... WORKERS=... POOL=... node server.js

import cluster from 'node:cluster'
import Fastify from 'fastify'
import pg from 'pg'

const { DATABASE_URL, PORT = '8000', WORKERS = '1', POOL = '10' } = process.env

// A Date has milliseconds only, so the database writes the times.
const sent = (column) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS ${column}`
const FIELDS = `id, user_id, title, description, completed, ${sent('created_at')}, ${sent('updated_at')}`

const fields = {
  title: { type: 'string', minLength: 1, maxLength: 500 },
  description: { type: 'string', nullable: true, maxLength: 5000 },
  completed: { type: 'boolean' }
}
const newTask = {
  type: 'object',
  required: ['title'],
  properties: { ...fields, completed: { type: 'boolean', default: false } },
  additionalProperties: false // Fastify removes them.
}
const taskChanges = { type: 'object', properties: fields, additionalProperties: false }
const completion = {
  type: 'object',
  nullable: true,
  required: ['completed'],
  properties: { completed: fields.completed }
}
const taskId = {
  type: 'object',
  properties: { task_id: { type: 'string', format: 'uuid', maxLength: 36 } }
}
const task = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    user_id: { type: 'string' },
    title: { type: 'string' },
    description: { type: 'string', nullable: true },
    completed: { type: 'boolean' },
    created_at: { type: 'string' },
    updated_at: { type: 'string' }
  }
}
const tasks = { type: 'array', items: task }
const message = { type: 'object', properties: { message: { type: 'string' } } }
const fault = { type: 'object', properties: { detail: { type: 'string' } } }

function build () {
  const app = Fastify({
    ajv: { customOptions: { coerceTypes: false } }, // A string stays a string.
    routerOptions: { maxParamLength: 255 }
  })
  const pool = new pg.Pool({ connectionString: DATABASE_URL, max: Number(POOL) })
  app.addHook('onClose', () => pool.end())

  app.setErrorHandler((error, request, reply) => {
    if (error.validationContext === 'params') return notFound(reply)
    // Fastify calls a bad request what is 422 here.
    const status = error.statusCode === 400 ? 422 : error.statusCode ?? 500
    return reply.code(status).send({ detail: status < 500 ? error.message : 'Internal Server Error' })
  })

  function notFound (reply) {
    return reply.code(404).send({ detail: 'Task not found' })
  }

  async function find (userId, taskId) {
    const { rows } = await pool.query(`SELECT ${FIELDS} FROM tasks WHERE user_id = $1 AND id = $2`, [userId, taskId])
    return rows[0]
  }

  // Before the schema counts its characters.
  async function trimTitle (request) {
    if (typeof request.body?.title === 'string') request.body.title = request.body.title.trim()
  }

  app.get('/api/:user_id/tasks', { schema: { response: { 200: tasks } } }, async (request) => {
    const { rows } = await pool.query(
      `SELECT ${FIELDS} FROM tasks WHERE user_id = $1 ORDER BY id`,
      [request.params.user_id]
    )
    return rows
  })

  app.post('/api/:user_id/tasks', {
    preValidation: trimTitle,
    schema: { body: newTask, response: { 201: task } }
  }, async (request, reply) => {
    const { user_id: userId } = request.params
    const { title, description, completed } = request.body
    const { rows } = await pool.query(
      `INSERT INTO tasks (user_id, title, description, completed) VALUES ($1, $2, $3, $4) RETURNING ${FIELDS}`,
      [userId, title, description, completed]
    )
    reply.code(201).header('Location', `/api/${encodeURIComponent(userId)}/tasks/${rows[0].id}`)
    return rows[0]
  })

  app.get('/api/:user_id/tasks/:task_id', {
    schema: { params: taskId, response: { 200: task, 404: fault } }
  }, async (request, reply) => {
    const { user_id: userId, task_id: taskId } = request.params
    return await find(userId, taskId) ?? notFound(reply)
  })

  app.put('/api/:user_id/tasks/:task_id', {
    preValidation: trimTitle,
    schema: { params: taskId, body: taskChanges, response: { 200: task, 404: fault } }
  }, async (request, reply) => {
    const { user_id: userId, task_id: taskId } = request.params
    const names = Object.keys(request.body) // The schema has left known ones only.
    if (names.length === 0) return await find(userId, taskId) ?? notFound(reply)
    const changes = names.map((name, index) => `${name} = $${index + 3}`)
    const { rows } = await pool.query(
      `UPDATE tasks SET ${changes.join(', ')}, updated_at = clock_timestamp()
       WHERE user_id = $1 AND id = $2 RETURNING ${FIELDS}`,
      [userId, taskId, ...Object.values(request.body)]
    )
    return rows[0] ?? notFound(reply)
  })

  app.patch('/api/:user_id/tasks/:task_id/complete', {
    schema: { params: taskId, body: completion, response: { 200: task, 404: fault } }
  }, async (request, reply) => {
    const { user_id: userId, task_id: taskId } = request.params
    const { rows } = await pool.query(
      `UPDATE tasks SET completed = coalesce($3, NOT completed), updated_at = clock_timestamp()
       WHERE user_id = $1 AND id = $2 RETURNING ${FIELDS}`,
      [userId, taskId, request.body?.completed]
    )
    return rows[0] ?? notFound(reply)
  })

  app.delete('/api/:user_id/tasks/:task_id', {
    schema: { params: taskId, response: { 200: message, 404: fault } }
  }, async (request, reply) => {
    const { user_id: userId, task_id: taskId } = request.params
    const { rowCount } = await pool.query('DELETE FROM tasks WHERE user_id = $1 AND id = $2', [userId, taskId])
    return rowCount ? { message: 'Task deleted successfully' } : notFound(reply)
  })

  return app
}

if (cluster.isPrimary) {
  for (let worker = 0; worker < Number(WORKERS); worker++) cluster.fork()
  cluster.on('exit', (worker) => {
    console.error(`worker ${worker.process.pid} died`)
    process.exit(1)
  })
} else {
  await build().listen({ host: '127.0.0.1', port: Number(PORT) })
}
