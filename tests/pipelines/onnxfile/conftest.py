from tests.pipelines.exported_networks import prepared, weights_in_use

__all__ = ["prepared", "weights_in_use"]
