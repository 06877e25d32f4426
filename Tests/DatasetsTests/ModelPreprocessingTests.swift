import Archives
import Testing
import Text

@testable import Datasets

/// The normalisation that a model's own preprocessor states.
struct ModelPreprocessingTests {
    private func preprocessing(_ json: String) throws -> ImagePreprocessing {
        try ImagePreprocessing(ByteRegion(copying: Array(json.utf8)))
    }

    private func normalization(_ json: String) throws -> Normalization? { try preprocessing(json).normalization }

    @Test func meansAndDeviationsAreRead() throws {
        let vit = try normalization(
            #"{"do_normalize":true,"do_resize":true,"image_mean":[0.5,0.4,0.3],"image_std":[0.5,0.25,1],"rescale_factor":0.00392156862745098,"size":{"height":224,"width":224}}"#
        )
        #expect(vit == Normalization(means: [0.5, 0.4, 0.3], deviations: [0.5, 0.25, 1]))
        #expect(try normalization(#"{"image_mean":[0.5],"image_std":[0.5]}"#) == Normalization(means: [0.5], deviations: [0.5]))
    }

    @Test func aPreprocessorThatDoesNotNormaliseSaysNothing() throws {
        #expect(try normalization("{}") == nil)
        #expect(try normalization(#"{"do_normalize":false,"image_mean":[0.5],"image_std":[0.5]}"#) == nil)
    }

    @Test(
        arguments: [
            "", "[]", "{", #"{"image_mean":[0.5],"image_std":[0]}"#, #"{"image_mean":[0.5],"image_std":[1,2]}"#,
            #"{"image_mean":["a"],"image_std":[1]}"#, #"{"image_mean":[],"image_std":[]}"#,
            #"{"image_mean":[0.5],"image_std":[1],"rescale_factor":0.5}"#, #"{"image_mean":[0.5],"image_std":[1],"do_rescale":false}"#,
            #"{"image_mean":[1e99],"image_std":[1]}"#, #"{"do_normalize":1,"image_mean":[0.5],"image_std":[1]}"#,
            #"{"do_normalize":true}"#, #"{"do_normalize":true,"image_mean":[0.5]}"#, #"{"do_normalize":false,"do_rescale":false}"#,
            #"{"do_flip_channel_order":true}"#, #"{"size":{"height":-1,"width":8}}"#, #"{"size":"large"}"#,
        ])
    func whatCannotBeFollowedIsRefused(_ json: String) {
        #expect(throws: Problem.self) { try normalization(json) }
    }

    /// What the image processors of transformers make of images, as they are documented.
    @Test(
        arguments: [
            (#"{"size":{"height":32,"width":24}}"#, .exactly(height: 32, width: 24), false),
            (#"{"size":224}"#, .exactly(height: 224, width: 224), false),
            (#"{"do_resize":false,"size":{"height":32,"width":24}}"#, nil, false), (#"{}"#, nil, false),
            (#"{"size":{"shortest_edge":256}}"#, .shorterEdge(256), false),
            (
                #"{"size":{"shortest_edge":256},"do_center_crop":true,"crop_size":{"height":224,"width":224}}"#,
                .exactly(height: 224, width: 224), true
            ),
            (#"{"size":256,"do_center_crop":true,"crop_size":224}"#, .exactly(height: 224, width: 224), true),
            (#"{"size":{"shortest_edge":224},"crop_pct":0.875}"#, .exactly(height: 224, width: 224), true),
            (#"{"size":{"shortest_edge":384},"crop_pct":0.875}"#, .exactly(height: 384, width: 384), false),
            (#"{"size":{"shortest_edge":224},"crop_pct":1.0}"#, .exactly(height: 224, width: 224), false),
        ] as [(String, ImagePreprocessing.ImageSize?, Bool)])
    func theSizeIsThatOfTheImagesThatItMakes(_ json: String, size: ImagePreprocessing.ImageSize?, isCropping: Bool) throws {
        let read = try preprocessing(json)
        #expect(read.size == size && read.isCropping == isCropping)
    }

    @Test func imagesOfAnotherSizeAreRefused() throws {
        let exact = try preprocessing(#"{"size":{"height":32,"width":24}}"#)
        try exact.check([3, 32, 24])
        try exact.check([32, 24])
        for shape in [[3, 24, 32], [3, 32, 32], [32, 24, 3]] { #expect(throws: Problem.self) { try exact.check(shape) } }
        let edge = try preprocessing(#"{"size":{"shortest_edge":32}}"#)
        try edge.check([3, 32, 40])
        #expect(throws: Problem.self) { try edge.check([3, 33, 40]) }
        try preprocessing("{}").check([3, 5, 7])
    }

    private func problem(_ shape: [Int], _ settings: String) -> String? {
        do {
            try preprocessing(settings).check(shape)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func channelsComeFirstAndAreThoseOfTheMeans() {
        let rgb = #"{"size":32,"image_mean":[0.5,0.5,0.5],"image_std":[0.25,0.25,0.25]}"#
        #expect(problem([3, 32, 32], rgb) == nil)
        for settings in [rgb, #"{"size":32}"#] {
            #expect(
                problem([32, 32, 3], settings)
                    == "the channels of the images come last, expected the order 3x32x32, with the channels first, found 32x32x3")
        }
        for (shape, found) in [
            ([1, 32, 32], "1, in images of 1x32x32"), ([32, 32], "1, in images of 32x32"), ([4, 32, 32], "4, in images of 4x32x32"),
        ] {
            #expect(
                problem(shape, rgb)
                    == "the images have not as many channels as the model's preprocessor_config.json has means for, expected 3, found \(found)"
            )
        }
        // One mean is for all channels.
        #expect(problem([4, 32, 32], #"{"size":32,"image_mean":[0.5],"image_std":[0.25]}"#) == nil)
    }

    private func array(_ type: String, _ shape: [Int], width: Int) -> ByteRegion {
        let list = shape.map(String.init).joined(separator: ", ")
        let header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(list)), }"
        let count = shape.reduce(1, *) * width
        return ByteRegion(
            copying: [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8)
                + [UInt8](repeating: 0, count: count))
    }

    private func open(_ array: ByteRegion, normalization: Normalization? = nil) throws -> Dataset {
        var source = DatasetSource(path: "x.npy")
        source.normalization = normalization
        source.preprocessing = { try preprocessing(#"{"size":4,"image_mean":[0.5],"image_std":[0.25],"do_center_crop":false}"#) }
        return try source.open(DataFile(array, path: "x.npy"))
    }

    @Test func onlyImagesOfBytesArePreprocessed() throws {
        func first(_ dataset: Dataset) throws -> Float {
            guard case .values(let values) = dataset.inputs else { throw Problem("tokens") }
            return values.values(of: [0])[0]
        }
        #expect(try first(open(array("|u1", [2, 3, 4, 4], width: 1))) == -2)
        #expect(try first(open(array("<f4", [2, 3, 9, 9], width: 4))) == 0)
        #expect(try first(open(array("<f4", [2, 3], width: 4))) == 0)
        for type in ["<i2", "<i4", "<u2"] {
            #expect(throws: Problem.self) { try open(array(type, [2, 3, 4, 4], width: type == "<i4" ? 4 : 2)) }
        }
        #expect(throws: Problem.self) { try open(array("|u1", [2, 3, 5, 4], width: 1)) }
        // Who says what to do with the numbers means it.
        let given = Normalization(means: [1], deviations: [2])
        #expect(try first(open(array("<i4", [2, 3, 5, 4], width: 4), normalization: given)) == -0.5)
    }
}
