"""Tasks that come with Paredown; `pipelines.task.BUILT_IN` names them."""
