package io.resfuse.engine.cudnn.internal.dnn;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Which versions of cuDNN can describe devices. Nothing native is loaded. */
class DeviceDescriptionVersionsTest {
  @Test
  void onlyNewOnesCan() {
    assertThat(DeviceDescription.whyNot(90_501))
        .contains("cuDNN 9.5.1 knows no descriptions of devices; cuDNN 9.8.0 and newer do");
    assertThat(DeviceDescription.whyNot(90_800)).isEmpty();
    assertThat(DeviceDescription.whyNot(91_002)).isEmpty();
  }
}
