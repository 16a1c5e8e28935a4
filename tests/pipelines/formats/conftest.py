from tests.pipelines.formats.own import own_format as own_format
