//! Memory of this package: `cargo bench --bench @NAME@`.

fn main() -> std::process::ExitCode {
    highwater::suite("@NAME@")
        // What one step of the ladder adds: name the unit of your own type, such as "entry" or "connection".
        .unit("buffer")
        .case("vec/size=64k", [1, 10, 100], |cx| {
            let mut live = cx.units();
            cx.ladder("live", |n| live.resize_with(n, || vec![1u8; 65_536]))?;
            drop(live);
            cx.stage("dropped")
        })
        .main()
}
