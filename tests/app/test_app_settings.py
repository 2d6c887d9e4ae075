"""What the operator names from one folder is found from another: jobs work in folders of their own."""

from app.settings import Settings


def test_folders_and_models_are_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-model").mkdir()
    settings = Settings.of(model="my-model", models="other=someone/else", data_dir="data", cache="cache")
    assert (settings.data_dir, settings.cache) == (tmp_path / "data", tmp_path / "cache")
    assert settings.allowed_models == {"my-model": str(tmp_path / "my-model"), "other": "someone/else"}
