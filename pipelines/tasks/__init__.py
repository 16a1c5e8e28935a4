"""Tasks that come with Paredown; `pipelines.tasks.task.BUILT_IN` names them."""
